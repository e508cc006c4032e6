#!/usr/bin/perl
# A double of Proxmox VE's `pct`: exec, enter, status and list as recorded in test/fixtures/pve/; start, stop and shutdown
# with the checks and messages of pve-container's PVE/API2/LXC/Status.pm and PVE/LXC.pm.
#
# It is perl because the real one is: the same Getopt::Long and the same Encode do the same harm to arguments, and the
# same exec hands the descriptors on. What it knows of the node are its files, under @PVE_DIR@ instead of /etc/pve.

use strict;
use warnings;

use Encode qw(decode);
use Getopt::Long qw(GetOptionsFromArray);
use I18N::Langinfo qw(langinfo CODESET);
use POSIX qw(setlocale LC_CTYPE);

my $PVE_DIR = '@PVE_DIR@';
my $HA_DELAY = '@HA_DELAY@';
my $LXCPATH = '@LXCPATH@';
my $DEFAULT_LXCPATH = '@DEFAULT_LXCPATH@';

# The real one never has another PATH, so this one's children never have either.
$ENV{PATH} = '/sbin:/bin:/usr/sbin:/usr/bin';
binmode(STDOUT, ':encoding(UTF-8)');

my %COMMANDS = (
    exec => { usage => 'exec <vmid> [<extra-args>] [OPTIONS]', options => ['keep-env'], extra => 1, run => \&run_exec },
    enter => { usage => 'enter <vmid> [OPTIONS]', options => ['keep-env'], run => \&run_enter },
    status => { usage => 'status <vmid> [OPTIONS]', options => ['verbose'], run => \&run_status },
    start => { usage => 'start <vmid> [OPTIONS]', options => ['debug', 'skiplock'], run => \&run_start },
    stop => { usage => 'stop <vmid> [OPTIONS]', options => ['skiplock'], run => \&run_stop },
    shutdown => {
        usage => 'shutdown <vmid> [OPTIONS]',
        options => ['forceStop'],
        integers => ['timeout'],
        run => \&run_shutdown,
    },
    list => { usage => 'list', options => [], no_vmid => 1, run => \&run_list },
);

fail(255, "please run as root\n") if $> != 0;

my $name = shift(@ARGV) // '';
my $command = $COMMANDS{$name} or fail(255, "ERROR: unknown command 'pct $name'\n");
$command->{run}->(parse($command));

# --- the command line ---

sub parse {
    my ($command) = @_;

    # "-" introduces a long option as "--" does; words and options may be mixed; the first "--" ends the options
    # wherever it stands, and is swallowed.
    Getopt::Long::Configure('prefix_pattern=(--|-)');
    my $param = {};
    GetOptionsFromArray(\@ARGV, $param, map { "$_:s" } @{ $command->{options} }, @{ $command->{integers} // [] })
        or usage_error($command, "400 unable to parse option\n");

    if (!$command->{no_vmid}) {
        usage_error($command, "400 not enough arguments\n") if !@ARGV;
        $param->{vmid} = shift @ARGV;
    }
    if ($command->{extra}) {
        $param->{'extra-args'} = [@ARGV];
    } elsif (@ARGV) {
        usage_error($command, "400 too many arguments\n");
    }

    setlocale(LC_CTYPE, '');
    my $codeset = langinfo(CODESET);
    for my $value (values %$param) {
        $value = ref($value) ? [map { decode($codeset, $_) } @$value] : decode($codeset, $value);
    }

    for my $option (@{ $command->{options} }) {
        next if !defined($param->{$option});
        $param->{$option} = boolean($param->{$option})
            // usage_error($command, "400 unable to parse boolean option\n");
    }

    for my $option (@{ $command->{integers} // [] }) {
        next if !defined($param->{$option}) || $param->{$option} =~ m/^[+-]?\d+$/;
        parameter_error($command, "$option: type check ('integer') failed - got '$param->{$option}'\n");
    }

    my $vmid = $param->{vmid};
    if (defined($vmid)) {
        parameter_error($command, "vmid: type check ('integer') failed - got '$vmid'\n") if $vmid !~ m/^[+-]?\d+$/;
        parameter_error($command, "vmid: invalid format - value does not look like a valid VM ID\n\n")
            if $vmid !~ m/^[1-9][0-9]{2,8}$/;
    }
    return $param;
}

# An option without a value is on.
sub boolean {
    my ($value) = @_;
    return 1 if $value =~ m/^(|1|on|yes|true)$/i;
    return 0 if $value =~ m/^(0|off|no|false)$/i;
    return undef;
}

sub parameter_error {
    my ($command, $text) = @_;
    usage_error($command, "400 Parameter verification failed.\n$text");
}

sub usage_error {
    my ($command, $text) = @_;
    fail(255, "${text}pct $command->{usage}\n");
}

sub fail {
    my ($code, $text) = @_;
    print STDERR $text;
    exit($code);
}

# --- the node ---

sub local_node {
    my $target = readlink("$PVE_DIR/lxc") // fail(255, "no link $PVE_DIR/lxc\n");
    my ($node) = $target =~ m!nodes/([^/]+)/lxc! or fail(255, "unexpected link $PVE_DIR/lxc\n");
    return $node;
}

# The keys before the first section: the snapshots after it have keys of the same names.
sub load_config {
    my ($vmid) = @_;
    my $file = 'nodes/' . local_node() . "/lxc/$vmid.conf";
    # 2 is what is left in errno when the real one dies.
    open(my $fh, '<', "$PVE_DIR/$file") or fail(2, "Configuration file '$file' does not exist\n");
    my $config = {};
    while (defined(my $line = <$fh>)) {
        last if $line =~ m/^\[/;
        $config->{$1} = $2 if $line =~ m/^([a-z][a-z0-9_.]*):\s*(.*?)\s*$/;
    }
    return $config;
}

# By the socket of the container's monitor, which is there too when the container is frozen.
sub is_running {
    my ($vmid) = @_;
    open(my $fh, '<', '/proc/net/unix') or return 0;
    while (defined(my $line = <$fh>)) {
        return 1 if $line =~ m/\s\@\Q$LXCPATH\E\/$vmid\/command$/;
    }
    return 0;
}

# --- the commands ---

sub run_exec {
    my ($param) = @_;
    my $vmid = $param->{vmid};
    load_config($vmid);
    fail(255, "container '$vmid' not running!\n") if !is_running($vmid);
    fail(255, "missing command at /usr/share/perl5/PVE/CLI/pct.pm line 246.\n") if !@{ $param->{'extra-args'} };
    attach($vmid, $param->{'keep-env'}, '--', @{ $param->{'extra-args'} });
}

sub run_enter {
    my ($param) = @_;
    my $vmid = $param->{vmid};
    load_config($vmid);
    fail(255, "container '$vmid' not running!\n") if !is_running($vmid);
    attach($vmid, $param->{'keep-env'});
}

sub attach {
    my ($vmid, $keep_env, @rest) = @_;
    delete @ENV{qw(SSL_CERT_FILE SSL_CERT_DIR)};
    # Not the default of lxc-attach only where a test keeps its containers elsewhere.
    my @path = $LXCPATH eq $DEFAULT_LXCPATH ? () : ('-P', $LXCPATH);
    exec('lxc-attach', '-n', $vmid, @path, ($keep_env // 1) ? '--keep-env' : '--clear-env', @rest)
        or fail(255, "unable to exec lxc-attach: $!\n");
}

sub run_status {
    my ($param) = @_;
    my $vmid = $param->{vmid};
    my $config = load_config($vmid);
    my $status = is_running($vmid) ? 'running' : 'stopped';
    if (!$param->{verbose}) {
        print "status: $status\n";
        return;
    }
    my %all = (name => $config->{hostname} // "CT$vmid", status => $status, type => 'lxc', vmid => $vmid);
    $all{lock} = $config->{lock} if defined($config->{lock});
    print map { "$_: $all{$_}\n" } sort keys %all;
}

sub run_list {
    my @vmids = sort { $a <=> $b } map { m!/(\d+)\.conf$! ? $1 : () } glob("$PVE_DIR/lxc/*.conf");
    return if !@vmids;
    my $format = "%-10s %-10s %-12s %-20s\n";
    printf($format, 'VMID', 'Status', 'Lock', 'Name');
    for my $vmid (@vmids) {
        my $config = load_config($vmid);
        my $status = is_running($vmid) ? 'running' : 'stopped';
        printf($format, $vmid, $status, $config->{lock} // '', $config->{hostname} // "CT$vmid");
    }
}

sub run_start {
    my ($param) = @_;
    my $vmid = $param->{vmid};
    my $config = load_config($vmid);
    fail(255, "CT $vmid already running\n") if is_running($vmid);
    return request_of_ha($vmid, 'start', sub { start($vmid) }) if is_ha_managed($vmid);
    fail(255, "you can't start a CT if it's a template\n") if $config->{template};
    check_lock($config) if !$param->{skiplock} && ($config->{lock} // '') ne 'mounted';
    start($vmid) or fail(255, "startup for container '$vmid' failed\n");
}

sub run_stop {
    my ($param) = @_;
    my $vmid = $param->{vmid};
    my $config = load_config($vmid);
    fail(255, "CT $vmid not running\n") if !is_running($vmid);
    return request_of_ha($vmid, 'stop', sub { stop($vmid, '--kill') }) if is_ha_managed($vmid);
    check_lock($config) if !$param->{skiplock} && ($config->{lock} // '') ne 'mounted';
    stop($vmid, '--kill');
}

sub run_shutdown {
    my ($param) = @_;
    my $vmid = $param->{vmid};
    my $config = load_config($vmid);
    my @options = ($param->{forceStop} ? () : '--nokill', '--timeout', $param->{timeout} // 60);
    fail(255, "CT $vmid not running\n") if !is_running($vmid);
    return request_of_ha($vmid, 'stop', sub { stop($vmid, @options) }) if is_ha_managed($vmid);
    check_lock($config);
    stop($vmid, @options);
}

sub check_lock {
    my ($config) = @_;
    fail(255, "CT is locked ($config->{lock})\n") if defined($config->{lock});
}

# The real one has systemd start it, so nothing of the caller's reaches the container.
sub start {
    my ($vmid) = @_;
    return system('env', '-i', "PATH=$ENV{PATH}", 'lxc-start', '-n', $vmid, '-P', $LXCPATH) == 0;
}

sub stop {
    my ($vmid, @options) = @_;
    my @path = $LXCPATH eq $DEFAULT_LXCPATH ? () : ('-P', $LXCPATH);
    my @command = ('lxc-stop', '-n', $vmid, @path, @options);
    my $status = system(@command);
    fail(255, "command '@command' failed: exit code " . ($status >> 8) . "\n") if $status != 0;
}

# As in /etc/pve/ha/resources.cfg: "ct: 101".
sub is_ha_managed {
    my ($vmid) = @_;
    open(my $fh, '<', "$PVE_DIR/ha/resources.cfg") or return 0;
    return scalar(grep { m/^ct:\s*\Q$vmid\E\s*$/ } <$fh>);
}

# The manager acts later, in a process of its own.
sub request_of_ha {
    my ($vmid, $what, $act) = @_;
    print "Requesting HA $what for CT $vmid\n";
    return if fork() // die "cannot fork: $!\n";
    POSIX::setsid();
    open(STDIN, '<', '/dev/null');
    open(STDOUT, '>', '/dev/null');
    open(STDERR, '>', '/dev/null');
    sleep($HA_DELAY);
    $act->();
}
