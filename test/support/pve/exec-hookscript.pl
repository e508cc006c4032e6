#!/usr/bin/perl
# Calls a hookscript as Proxmox VE does (exec_hookscript in pve-guest-common's GuestHelpers.pm, run_command in
# pve-common's Tools.pm): with two words, an input that has already ended, and our own output; as a child that is waited
# for. A failure is fatal only where Proxmox asks for that, before a start.
#
# exec-hookscript.pl SCRIPT VMID PHASE

use strict;
use warnings;

use IPC::Open3 qw(open3);

my ($script, $vmid, $phase) = @ARGV;

my $pid = open3(my $input, '>&STDOUT', '>&STDERR', $script, $vmid, $phase);
close($input);
waitpid($pid, 0);
exit(0) if $? == 0;

my $how = $? & 127 ? 'got signal ' . ($? & 127) : 'failed: exit code ' . ($? >> 8);
print STDERR "hookscript error for $vmid on $phase: command '$script $vmid $phase' $how\n";
exit($phase eq 'pre-start' ? 255 : 0);
