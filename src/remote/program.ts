/**
 * What runs on the other node for us: one perl program, sent over the channel and never written to a disk there. Perl is
 * on every Proxmox node, and it uses only what Debian's perl-base has. It speaks the frames of frames.ts on its standard
 * streams, starts programs, carries their streams, and ends what they started: on demand, and at once when the channel
 * ends or falls silent. A second process of it, the guardian, does the latter if the first one is killed.
 *
 * How a tree of processes is found is told in process/tree.ts, how a container's state is, in lxc/state.ts: the rules are
 * the same here, in another language. Numbers without a name are Linux's own, equal on all 64-bit machines.
 *
 * It expects `$NONCE` (what it says once it runs, so that whatever a login prints before is told apart), `$SEAL` (what
 * follows the header of each of its frames, and its end), `$WINDOW` (bytes of a stream that may be on their way), `$SILENCE` (seconds without a frame
 * after which the channel is lost), `$TAG` (the variable that marks an execution) and `$SLACK_FLOOR` and `$SLACK_VALUES`
 * (timer-slack.ts).
 */
export const PROGRAM = String.raw`
use strict;
use Fcntl ();
use POSIX ();
use Socket ();

# What a program of a container has, whatever this login's is.
umask 022;

my $STANDARD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
my $UUID = qr/\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/;
my $LXCPATH = lxcpath();
my $PVE = $ENV{PROXMOX_LXCRI_PVE_DIR} || '/etc/pve';

# lxc.lxcpath of lxc.system.conf(5), which lxc-attach goes by as well.
sub lxcpath {
  open my $conf, '<', '/etc/lxc/lxc.conf' or return '/var/lib/lxc';
  while (<$conf>) { return $1 if m{^[ \t]*lxc\.lxcpath[ \t]*=[ \t]*(/\S*?)/*[ \t]*$} }
  return '/var/lib/lxc';
}
my $CHUNK = 65536;
my $KILL_SECONDS = 5;
my $HEADER = 10;
my $MAX_FRAME = 16 * 1024 * 1024;

# Seconds of a clock that nobody sets.
my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());
sub now { return (POSIX::times())[0] / $TICKS }

# ---- files ----

sub slurp {
  my ($path) = @_;
  sysopen(my $file, $path, Fcntl::O_RDONLY()) or return undef;
  my $text = '';
  while (1) {
    my $count = sysread($file, $text, $CHUNK, length $text);
    last unless $count;
  }
  return $text;
}

sub which {
  my ($name) = @_;
  for my $directory (split /:/, ($ENV{PATH} || '') . ":$STANDARD_PATH") {
    my $file = "$directory/$name";
    return $file if $directory =~ m{\A/} && -f $file && -x _;
  }
  return undef;
}

# ---- processes ----

sub process_of {
  my ($pid) = @_;
  my $text = slurp("/proc/$pid/stat");
  return () unless defined $text && $text =~ /\A\d+ \(.*\) (\S) (.*)/s;
  my ($state, @fields) = ($1, split / /, $2);
  return () if $state eq 'Z' || $state eq 'X';
  return {
    pid => $pid, parent => $fields[0], group => $fields[1], session => $fields[2],
    foreground => $fields[4], start => $fields[18],
  };
}

sub pids {
  opendir(my $proc, '/proc') or return ();
  return grep { /\A\d+\z/ } readdir $proc;
}

sub namespace_of { my ($pid) = @_; return readlink("/proc/$pid/ns/pid") || '' }

sub is_containerized { my ($pid) = @_; return (slurp("/proc/$pid/status") || '') =~ /^NSpid:\s+\d+\s+\d+/m }

sub children_of {
  my ($pid) = @_;
  my $text = slurp("/proc/$pid/task/$pid/children");
  return split / /, $text if defined $text;
  # Not every kernel has that file; or the process is gone, and has none.
  return () unless -d "/proc/$pid";
  return map { $_->{pid} } grep { $_->{parent} == $pid } map { process_of($_) } pids();
}

# ---- the tree of an execution: process/tree.ts ----

sub new_tree {
  my ($exec, $namespace, $helper, $start) = @_;
  return {
    exec => $exec, namespace => $namespace, helper => $helper, start => $start, seen => {},
    slack => $SLACK_FLOOR + hex(substr $exec, 0, 8) % $SLACK_VALUES,
    sessions => $helper ? { $helper => 1 } : {},
  };
}

sub is_in_container {
  my ($tree, $pid) = @_;
  return 0 if $tree->{namespace} eq '';
  while ($pid > 1 && is_containerized($pid)) {
    return 1 if namespace_of($pid) eq $tree->{namespace};
    my $process = process_of($pid) or return 0;
    $pid = $process->{parent};
  }
  return 0;
}

sub command_of {
  my ($tree) = @_;
  return $tree->{command} if $tree->{command} || !$tree->{helper};
  for my $pid (children_of($tree->{helper})) {
    next unless $tree->{namespace} eq '' ? is_containerized($pid) : namespace_of($pid) eq $tree->{namespace};
    $tree->{command} = $pid;
    my $process = process_of($pid);
    $tree->{sessions}{$pid} = 1 if $process && $process->{session} == $pid;
    last;
  }
  return $tree->{command};
}

sub is_marked {
  my ($tree, $process) = @_;
  my $pid = $process->{pid};
  return 1 if $tree->{sessions}{$process->{session}} || ($tree->{seen}{$pid} || '') eq $process->{start};
  my ($tag) = (slurp("/proc/$pid/environ") || '') =~ /(?:\A|\0)\Q$TAG\E=([^\0]*)/;
  return 1 if defined $tag && $tag eq $tree->{exec};
  return 0 if defined $tag && $tag =~ $UUID;
  return 0 unless $tree->{start} && $process->{start} >= $tree->{start};
  return (slurp("/proc/$pid/timerslack_ns") || 0) == $tree->{slack} && is_in_container($tree, $pid);
}

my %ours = ($$ => 1);

sub members {
  my ($tree) = @_;
  command_of($tree);
  my $helper = $tree->{helper} || 0;
  my @processes = map { process_of($_) } pids();
  my (%children, %found, @found);
  push @{ $children{$_->{parent}} }, $_ for @processes;
  my $add = sub {
    my @next = @_;
    while (my $process = pop @next) {
      my $pid = $process->{pid};
      next if $found{$pid} || $pid == $helper || $ours{$pid};
      $found{$pid} = 1;
      # Parents before their children: a shell is to hear of a signal before the end of what it waits for.
      push @found, $process;
      push @next, @{ $children{$pid} || [] };
    }
  };
  my $living = $helper ? process_of($helper) : undef;
  $add->(@{ $children{$helper} || [] }) if $living && $living->{start} == $tree->{start};
  for my $process (@processes) { $add->($process) if !$found{$process->{pid}} && is_marked($tree, $process) }
  $tree->{seen}{$_->{pid}} = $_->{start} for @found;
  return @found;
}

# One round; true once nothing was left to end.
sub end_round {
  my ($tree) = @_;
  my @left = members($tree);
  kill 'KILL', $_->{pid} for @left;
  return !@left;
}

sub end_helper {
  my ($tree) = @_;
  my $process = $tree->{helper} ? process_of($tree->{helper}) : undef;
  kill 'KILL', $process->{pid} if $process && $process->{start} == $tree->{start};
}

sub end_trees {
  my @trees = @_;
  my $deadline = now() + $KILL_SECONDS;
  while (@trees && now() < $deadline) {
    @trees = grep { my $empty = end_round($_); end_helper($_) if $empty; !$empty } @trees;
    select undef, undef, undef, 0.01 if @trees;
  }
  end_helper($_) for @trees;
}

# ---- the guardian: ends what the first process was to end, when that one is gone ----

my $guardian;

sub start_guardian {
  pipe(my $orders, $guardian) or die "pipe: $!";
  my $pid = fork;
  die "fork: $!" unless defined $pid;
  if ($pid) {
    $ours{$pid} = 1;
    select((select($guardian), $| = 1)[0]);
    return;
  }
  close $guardian;
  POSIX::setsid();
  $SIG{$_} = 'IGNORE' for qw(HUP INT QUIT TERM);
  %ours = ($$ => 1);
  open STDIN, '<', '/dev/null';
  open STDOUT, '>', '/dev/null';
  open STDERR, '>', '/dev/null';
  my %trees;
  while (my $order = <$orders>) {
    chomp $order;
    my ($what, $exec, @facts) = split / /, $order, -1;
    if ($what eq 'begin') { $trees{$exec} = new_tree($exec, $facts[0]) }
    elsif ($what eq 'helper') { $trees{$exec} = new_tree($exec, @facts) }
    elsif ($what eq 'done') { delete $trees{$exec} }
  }
  end_trees(values %trees);
  POSIX::_exit(0);
}

# ---- frames ----

my $incoming = '';
# What waits to be written: whole frames, the first of which may be written in part.
my @outgoing;
my ($outgoing_bytes, $written) = (0, 0);
# Until when that may wait for more. On the way are proxies that keep back a small packet until the one before was
# acknowledged, which takes 40 ms where nothing is to be answered (RFC 896, RFC 1122 4.2.3.2): so what can go in one goes in one.
my $hold_until = 0;
my $HOLD_SECONDS = 0.03;
my $SMALL = 4096;
my %commands;
my $lost = 0;
my $heard = now();

sub send_frame {
  my ($type, $id, $stream, $data) = @_;
  queue(pack('a C N N', $type, $stream, $id, length $data) . $SEAL . $data . $SEAL);
}

sub queue {
  $hold_until = 0;
  push @outgoing, $_[0];
  $outgoing_bytes += length $_[0];
}

sub pack_list { return pack('N (N/a*)*', scalar @_, @_) }

# Takes one list from the front of $_[0].
sub take_list {
  my @list = unpack 'N/(N/a*) a*', $_[0];
  $_[0] = pop @list;
  return @list;
}

# ---- commands ----

sub nonblocking {
  my ($file) = @_;
  fcntl($file, Fcntl::F_SETFL(), fcntl($file, Fcntl::F_GETFL(), 0) | Fcntl::O_NONBLOCK());
}

# A pseudo-terminal: TIOCSPTLCK, TIOCGPTN.
sub open_terminal {
  sysopen(my $master, '/dev/ptmx', Fcntl::O_RDWR() | Fcntl::O_NOCTTY()) or return ();
  my $number = pack 'i', 0;
  ioctl($master, 0x40045431, $number) or return ();
  ioctl($master, 0x80045430, $number) or return ();
  sysopen(my $slave, '/dev/pts/' . unpack('i', $number), Fcntl::O_RDWR() | Fcntl::O_NOCTTY()) or return ();
  return ($master, $slave);
}

# TIOCSWINSZ
sub set_size { my ($terminal, $columns, $rows) = @_; ioctl($terminal, 0x5414, pack 'S4', $rows, $columns, 0, 0) }

sub new_pipe { pipe(my $reader, my $writer) or die "pipe\n"; return ($reader, $writer) }

# Their ends and ours of each stream.
sub make_streams {
  my ($stdio, $size, $with_channel, $with_log) = @_;
  my (%theirs, %ends);
  my ($stdin, $stdout, $stderr) = split //, $stdio;
  if ($size ne '') {
    my ($master, $slave) = open_terminal() or die "terminal\n";
    set_size($master, split /x/, $size);
    @theirs{0, 1, 2} = ($slave, $slave, $slave);
    $ends{0} = $ends{1} = $master;
  } else {
    open my $null, '+<', '/dev/null' or die "null\n";
    @theirs{0, 1, 2} = ($null, $null, $null);
    ($theirs{0}, $ends{0}) = new_pipe() if $stdin eq 'p';
    ($ends{1}, $theirs{1}) = new_pipe() if $stdout eq 'p';
    ($ends{2}, $theirs{2}) = new_pipe() if $stderr eq 'p';
  }
  ($ends{3}, $theirs{3}) = new_pipe() if $with_channel;
  ($ends{4}, $theirs{4}) = new_pipe() if $with_log;
  nonblocking($_) for values %ends;
  return (\%theirs, \%ends);
}

sub start_command {
  my ($id, $payload) = @_;
  my ($exec, $program, $stdio, $size, $with_channel, $init, $log_at) = take_list($payload);
  my @argv = take_list($payload);
  my @environment = take_list($payload);
  my $file = which($program);
  return send_frame('F', $id, 0, "missing") unless defined $file;
  my ($theirs, $ends) = eval { make_streams($stdio, $size, $with_channel, $log_at ne '') };
  return send_frame('F', $id, 0, "streams $!") unless $ends;
  # By our number: the program opens it itself, and nothing it starts inherits it.
  $argv[$log_at] = "/proc/$$/fd/" . fileno $theirs->{4} if $log_at ne '';
  my $namespace = $init eq '' ? '' : namespace_of($init);
  # Before it runs: if we die in between, its tag is what it is found by.
  print $guardian "begin $exec $namespace\n";
  pipe(my $failure, my $failed) or return send_frame('F', $id, 0, "pipe $!");
  my $pid = fork;
  if (!defined $pid) {
    print $guardian "done $exec\n";
    return send_frame('F', $id, 0, "fork $!");
  }
  if (!$pid) {
    become($file, \@argv, \@environment, $theirs, $size ne '', new_tree($exec, $namespace)->{slack});
    syswrite $failed, $! + 0;
    POSIX::_exit(127);
  }
  close $failed;
  sysread($failure, my $errno, 16);
  if ($errno) {
    waitpid $pid, 0;
    print $guardian "done $exec\n";
    return send_frame('F', $id, 0, "exec $errno");
  }
  my ($start) = (slurp("/proc/$pid/stat") || '') =~ /\A\d+ \(.*\) \S (?:\S+ ){18}(\d+)/s;
  $start ||= 0;
  print $guardian "helper $exec $namespace $pid $start\n";
  # pidfd_open; without it the end is noticed in the next round.
  my $pidfd = syscall 434, $pid, 0;
  $commands{$id} = {
    id => $id, ends => $ends, pid => $pid, pidfd => $pidfd, running => 1,
    terminal => $size ne '' ? $ends->{1} : undef,
    # Held open for as long as the program can open it.
    log => $theirs->{4},
    tree => new_tree($exec, $namespace, $pid, $start),
    input => '', input_ended => 0, written => 0,
    credit => { map { $_ => $WINDOW } 1 .. 4 },
  };
  send_frame('P', $id, 0, "$pid $start");
  # Soon it says more.
  $hold_until = now() + $HOLD_SECONDS if @outgoing == 1;
}

sub become {
  my ($file, $argv, $environment, $theirs, $is_terminal, $slack) = @_;
  POSIX::setsid();
  # TIOCSCTTY
  ioctl($theirs->{0}, 0x540E, 0) if $is_terminal;
  for my $number (0 .. 3) { POSIX::dup2(fileno $theirs->{$number}, $number) if $theirs->{$number} }
  POSIX::close(3) unless $theirs->{3};
  if (open my $own, '>', '/proc/self/timerslack_ns') { syswrite $own, $slack }
  %ENV = (PATH => $STANDARD_PATH, LC_ALL => 'C.UTF-8', map { split /=/, $_, 2 } @$environment);
  $SIG{$_} = 'DEFAULT' for qw(PIPE HUP INT QUIT TERM CHLD USR1 USR2);
  exec { $file } $file, @$argv;
}

sub close_end {
  my ($command, $stream) = @_;
  my $end = delete $command->{ends}{$stream} or return;
  # Both directions of a terminal are one descriptor.
  close $end unless $command->{terminal} && ($command->{ends}{0} || $command->{ends}{1});
}

sub read_stream {
  my ($command, $stream, $limit) = @_;
  my $end = $command->{ends}{$stream} or return 0;
  my $frame = "\0" x $HEADER . $SEAL;
  my $count = sysread($end, $frame, $limit, length $frame);
  if ($count) {
    $command->{credit}{$stream} -= $count;
    substr($frame, 0, $HEADER) = pack('a C N N', 'D', $stream, $command->{id}, $count);
    $frame .= $SEAL;
    queue($frame);
    # The script in the container speaks: now the command certainly is a child of the attaching program.
    command_of($command->{tree}) if $stream == 3;
    return 1;
  }
  return 0 if !defined $count && ($!{EAGAIN} || $!{EINTR});
  # A terminal whose last user is gone answers EIO.
  close_end($command, $stream);
  send_frame('E', $command->{id}, $stream, '');
  return 0;
}

sub write_input {
  my ($command) = @_;
  my $end = $command->{ends}{0} or return;
  if (length $command->{input}) {
    my $count = syswrite $end, $command->{input}, $CHUNK;
    if (defined $count) {
      substr $command->{input}, 0, $count, '';
      $command->{written} += $count;
    } elsif (!$!{EAGAIN} && !$!{EINTR}) {
      close_end($command, 0);
      $command->{input} = '';
      return send_frame('C', $command->{id}, 0, '');
    }
  }
  if ($command->{written} >= $CHUNK || !length $command->{input}) {
    send_frame('W', $command->{id}, 0, pack 'N', $command->{written}) if $command->{written};
    $command->{written} = 0;
  }
  return unless $command->{input_ended} && !length $command->{input};
  if ($command->{terminal}) {
    # The key that ends input at a terminal.
    $command->{input} = "\x04" if $command->{input_ended}++ == 1;
  } else {
    close_end($command, 0);
  }
}

sub note_exit {
  my ($command) = @_;
  return unless $command->{running} && waitpid($command->{pid}, POSIX::WNOHANG()) == $command->{pid};
  my $status = $?;
  $command->{running} = 0;
  POSIX::close($command->{pidfd}) if $command->{pidfd} >= 0;
  delete $command->{log};
  # What the script or the program said comes before the news of its end.
  for my $stream (3, 3, 4, 4) { read_stream($command, $stream, $CHUNK) }
  # It ended by itself: what it has left running is meant to stay, whatever becomes of the connection.
  let_go($command) unless $command->{ending};
  my $signal = $status & 127;
  send_frame('X', $command->{id}, 0, $signal ? "signal $signal" : 'code ' . ($status >> 8));
}

sub continue_kill {
  my ($command) = @_;
  my $empty = end_round($command->{tree});
  return unless $empty || now() > $command->{kill_until};
  $command->{resisted} = 1 unless $empty;
  delete $command->{kill_until};
  send_frame('K', $command->{id}, 0, $empty ? '1' : '0');
  forget($command) if $command->{only_tree};
}

sub signal_command {
  my ($command, $payload) = @_;
  my ($whom, $number) = split / /, $payload;
  # HUP, INT, QUIT, KILL, TERM: the rest of the tree is to end as well.
  $command->{ending} = 1 if grep { $_ == $number } 1, 2, 3, 9, 15;
  return $command->{running} && kill $number, $command->{pid} if $whom eq 'helper';
  my $tree = $command->{tree};
  my $pid = command_of($tree) or return;
  return kill $number, $pid if $whom eq 'command';
  my $process = process_of($pid) or return;
  for my $member (members($tree)) {
    my $group = $member->{group};
    kill $number, $member->{pid} if $group == $process->{group} || $group == $process->{foreground};
  }
}

sub let_go {
  my ($command) = @_;
  print $guardian "done $command->{tree}{exec}\n";
  $command->{let_go} = 1;
}

sub forget {
  my ($command) = @_;
  let_go($command);
  delete $commands{$command->{id}};
}

# ---- containers ----

sub config_of {
  my ($path) = @_;
  my $text = slurp($path);
  return undef unless defined $text;
  my ($current) = split /^\[/m, $text, 2;
  my %values = ($current || '') =~ /^(hostname|lock|template):[ \t]*(\S+)[ \t]*$/mg;
  return \%values;
}

# Asks the monitor of a running container (lxc/command-socket.ts); 3 is its state, 4 its init process.
sub ask_monitor {
  my ($name, $question) = @_;
  socket(my $socket, Socket::AF_UNIX(), Socket::SOCK_STREAM(), 0) or return undef;
  my $second = pack 'l! l!', 1, 0;
  setsockopt($socket, Socket::SOL_SOCKET(), $_, $second) for Socket::SO_RCVTIMEO(), Socket::SO_SNDTIMEO();
  connect($socket, pack 'S a*', Socket::AF_UNIX(), "\0$LXCPATH/$name/command") or return undef;
  syswrite $socket, pack 'l x12', $question;
  my $answer = '';
  while (length $answer < 16) {
    sysread $socket, $answer, 16 - length $answer, length $answer or return undef;
  }
  my ($error, $length, $value) = unpack 'l l l', $answer;
  return $error == 0 && $length == 0 ? $value : undef;
}

my @STATES = qw(STOPPED STARTING RUNNING STOPPING ABORTING FREEZING FROZEN THAWED);

sub state_of {
  my ($name) = @_;
  my ($state, $init) = (ask_monitor($name, 3), ask_monitor($name, 4));
  $state = $STATES[$state] if defined $state;
  if (!defined $state || !defined $init || $init <= 1) {
    ($state, $init) = ask_lxc_info($name);
    if (!defined $state) {
      my $title = "[lxc monitor] $LXCPATH $name";
      my $runs = grep { (slurp("/proc/$_/cmdline") || '') =~ /\A\Q$title\E(?:\0|\z)/ } pids();
      return ($runs ? 'UNREACHABLE' : 'STOPPED', '');
    }
  }
  $state = 'FROZEN' if $state eq 'RUNNING' && is_frozen($init);
  return ($state, $init);
}

sub ask_lxc_info {
  my ($name) = @_;
  local $ENV{PATH} = $STANDARD_PATH;
  local $ENV{LC_ALL} = 'C.UTF-8';
  open my $tool, '-|', 'timeout', '10', 'lxc-info', '-n', $name, '-P', $LXCPATH, '-s', '-p' or return ();
  my $text = join '', <$tool>;
  close $tool;
  my ($state) = $text =~ /^State:\s+(\w+)$/m;
  my ($init) = $text =~ /^PID:\s+(\d+)$/m;
  return defined $state && $init ? ($state, $init) : ();
}

sub is_frozen {
  my ($init) = @_;
  for my $line (split /\n/, slurp("/proc/$init/cgroup") || '') {
    my ($controllers, $path) = $line =~ m{\A\d+:([^:]*):(/.*)\z} or next;
    for my $mount ($controllers eq '' ? ('/sys/fs/cgroup', '/sys/fs/cgroup/unified') : ()) {
      return 1 if (slurp("$mount$path/cgroup.events") || '') =~ /^frozen 1$/m;
      return 1 if (slurp("$mount$path/cgroup.freeze") || '') =~ /\A1\s*\z/;
    }
    next unless grep { $_ eq 'freezer' } split /,/, $controllers;
    return 1 if (slurp("/sys/fs/cgroup/freezer$path/freezer.state") || '') =~ /\A(?:FROZEN|FREEZING)\s*\z/;
  }
  return 0;
}

# A container of this node by its VMID or host name; else where in the cluster it is.
sub find_container {
  my ($word) = @_;
  my @found;
  opendir(my $folder, "$PVE/lxc") or return (problem => 'not-proxmox');
  for my $vmid (sort grep { s/\A([1-9]\d{2,8})\.conf\z/$1/ } readdir $folder) {
    next if $word =~ /\A[1-9]\d{2,8}\z/ && $vmid ne $word;
    my $config = config_of("$PVE/lxc/$vmid.conf") or next;
    push @found, [$vmid, $config] if $vmid eq $word || ($config->{hostname} || '') eq $word;
  }
  return (problem => 'ambiguous', candidates => join ' ', map { $_->[0] } @found) if @found > 1;
  if (!@found) {
    my ($elsewhere) = $word =~ /\A\d+\z/ ? glob("$PVE/nodes/*/lxc/$word.conf") : ();
    return (problem => 'elsewhere', node => $1) if ($elsewhere || '') =~ m{/nodes/([^/]+)/lxc/};
    return (problem => 'missing');
  }
  my ($vmid, $config) = @{ $found[0] };
  my ($state, $init) = state_of($vmid);
  my %facts = (vmid => $vmid, name => $config->{hostname} || $vmid, state => $state, init => $init);
  $facts{lock} = $config->{lock} if defined $config->{lock};
  $facts{tools} = join ' ', grep { which($_) } qw(pct lxc-attach);
  return %facts;
}

# ---- the rounds ----

sub handle {
  my ($type, $stream, $id, $payload) = @_;
  return start_command($id, $payload) if $type eq 'S';
  return send_frame('Q', $id, 0, $payload) if $type eq 'q';
  return send_frame('A', $id, 0, pack_list(find_container($payload))) if $type eq 'A';
  if ($type eq 'T') {
    # The end of an execution whose connection was lost: an entry with a tree, and nothing else.
    my ($exec, $init, $start) = take_list($payload);
    my $tree = new_tree($exec, $init eq '' ? '' : namespace_of($init));
    $tree->{start} = $start;
    $commands{$id} = { id => $id, tree => $tree, ends => {}, kill_until => now() + $KILL_SECONDS, only_tree => 1, pidfd => -1 };
    return;
  }
  my $command = $commands{$id} or return;
  if ($type eq 'D') {
    if ($command->{ends}{0}) { $command->{input} .= $payload } else { send_frame('C', $id, 0, '') }
  }
  elsif ($type eq 'E') { $command->{input_ended} ||= 1 }
  elsif ($type eq 'W') { $command->{credit}{$stream} += unpack 'N', $payload }
  elsif ($type eq 'C') { close_end($command, $stream) }
  elsif ($type eq 's') { signal_command($command, $payload) }
  elsif ($type eq 'z') { set_size($command->{terminal}, unpack 'n n', $payload) if $command->{terminal} }
  elsif ($type eq 'k') { $command->{ending} = 1; $command->{kill_until} ||= now() + ($command->{resisted} ? 0 : $KILL_SECONDS) }
  elsif ($type eq 'f') { forget($command) }
}

sub take_frames {
  my $at = 0;
  while (length($incoming) - $at >= $HEADER) {
    my ($type, $stream, $id, $length) = unpack 'a C N N', substr $incoming, $at, $HEADER;
    die "frame of $length bytes" if $length > $MAX_FRAME;
    last if length($incoming) - $at < $HEADER + $length;
    handle($type, $stream, $id, substr $incoming, $at + $HEADER, $length);
    $at += $HEADER + $length;
  }
  substr $incoming, 0, $at, '';
}

# A terminal gives no more than 4 KiB at once.
sub read_input {
  my $enough = length($incoming) + 4 * $CHUNK;
  $heard = now();
  while (length $incoming < $enough) {
    my $got = sysread STDIN, $incoming, 4 * $CHUNK, length $incoming;
    next if $got;
    $lost = 1 if defined $got || !($!{EAGAIN} || $!{EINTR});
    return;
  }
}

sub write_outgoing {
  while (@outgoing > 1 && length($outgoing[0]) < $SMALL) {
    my $first = shift @outgoing;
    $outgoing[0] = $first . $outgoing[0];
  }
  my $sent = syswrite STDOUT, $outgoing[0], length($outgoing[0]) - $written, $written;
  if (defined $sent) {
    $outgoing_bytes -= $sent;
    $written += $sent;
    if ($written == length $outgoing[0]) { shift @outgoing; $written = 0 }
  }
  elsif (!($!{EAGAIN} || $!{EINTR})) { $lost = 1 }
}

sub one_round {
  my ($readable, $writable, $wait) = ('', '', 1);
  vec($readable, 0, 1) = 1;
  if (@outgoing) {
    if ($hold_until && now() < $hold_until) { $wait = $HOLD_SECONDS } else { vec($writable, 1, 1) = 1 }
  }
  for my $command (values %commands) {
    my $ends = $command->{ends};
    for my $stream (1 .. 4) {
      next unless $ends->{$stream} && $command->{credit}{$stream} > 0 && $outgoing_bytes < $WINDOW;
      vec($readable, fileno $ends->{$stream}, 1) = 1;
    }
    vec($writable, fileno $ends->{0}, 1) = 1 if $ends->{0} && (length $command->{input} || $command->{input_ended} == 1);
    if ($command->{running}) {
      if ($command->{pidfd} >= 0) { vec($readable, $command->{pidfd}, 1) = 1 } else { $wait = 0.02 }
    }
    $wait = 0.01 if $command->{kill_until};
  }
  my $count = select $readable, $writable, undef, $wait;
  return if $count < 0;
  if (vec $readable, 0, 1) {
    read_input();
    take_frames();
  }
  write_outgoing() if vec $writable, 1, 1;
  for my $command (values %commands) {
    note_exit($command) if $command->{running} && ($command->{pidfd} < 0 || vec $readable, $command->{pidfd}, 1);
    for my $stream (1 .. 4) {
      my $end = $command->{ends}{$stream} or next;
      my $credit = $command->{credit}{$stream};
      read_stream($command, $stream, $credit < $CHUNK ? $credit : $CHUNK) if $credit > 0 && vec $readable, fileno $end, 1;
    }
    my $input = $command->{ends}{0};
    write_input($command) if $input && vec $writable, fileno $input, 1;
    continue_kill($command) if $command->{kill_until};
  }
}

sub main {
  chdir '/';
  # What we inherited is passed on to nobody; and 3 is the channel of what we start, so nothing of ours may be there.
  my @inherited = do { opendir(my $own, '/proc/self/fd'); grep { /\A\d+\z/ && $_ > 2 } readdir $own };
  POSIX::close($_) for @inherited;
  open my $three, '<', '/dev/null';
  $SIG{PIPE} = 'IGNORE';
  start_guardian();
  nonblocking($_) for *STDIN, *STDOUT;
  queue("\n$NONCE\n");
  send_frame('H', 0, 0, pack_list($>, scalar getpwuid($>) || $>));
  one_round() until $lost || now() - $heard > $SILENCE;
  end_trees(map { $_->{tree} } grep { $_->{kill_until} || !$_->{let_go} } values %commands);
  POSIX::_exit(0);
}

main();
`;
