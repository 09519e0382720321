// The command that turns a fresh machine into a host.

interface Software {
  readonly url: string;
  readonly sha256: string;
}

/**
 * The machine does not know the gateway's authority yet, so curl can't check who answers: the checksum, which came over
 * the API, says whether it is the right file. From then on the token names the authority.
 * @param software null: the machine has a checkout of Berth.
 */
export function joinCommand({ joinUrl, token }: { joinUrl: string; token: string }, software: Software | null): string {
  const join = `bin/join ${joinUrl} ${token}`;
  if (!software) return join;
  return [
    `curl -fsSk ${software.url} -o berth-host.tgz`,
    `echo '${software.sha256}  berth-host.tgz' | sha256sum -c --quiet`,
    'mkdir -p /opt/berth-host',
    'tar -xzf berth-host.tgz -C /opt/berth-host --strip-components=1',
    `/opt/berth-host/${join}`,
  ].join(' && ');
}
