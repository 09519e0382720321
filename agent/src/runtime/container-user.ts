// Who a container's process is: `user[:group]` by name or number, looked up in the image's own passwd and group files.
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const highestId = 65_535;

/**
 * Resolves as Docker does: no user is root; a number need not be listed; a name must be. A group that is given
 * replaces the user's own groups.
 * @throws Error naming what is not there, in words for the task's owner.
 */
export function resolveUser(user: string, passwd: string, group: string): ContainerUser {
  const [name = '', groupName] = user === '' ? ['0'] : user.split(':', 2);
  const entries = parsePasswd(passwd);
  const entry = entries.find((candidate) => candidate.name === name) ?? entries.find((candidate) => String(candidate.uid) === name);
  const uid = entry?.uid ?? numericId(name);
  if (uid === null) throw new Error(`the user "${name}" is not in the image’s /etc/passwd`);
  const groups = parseGroups(group);
  const home = entry?.home || '/';
  if (groupName !== undefined && groupName !== '') {
    const gid = groups.find((candidate) => candidate.name === groupName)?.gid ?? numericId(groupName);
    if (gid === null) throw new Error(`the group "${groupName}" is not in the image’s /etc/group`);
    return { uid, gid, additionalGids: [], home };
  }
  const additionalGids = entry
    ? groups.filter((candidate) => candidate.members.includes(entry.name)).map((candidate) => candidate.gid)
    : [];
  return { uid, gid: entry?.gid ?? 0, additionalGids: [...new Set(additionalGids)], home };
}

function numericId(text: string): number | null {
  return /^\d{1,5}$/.test(text) && Number(text) <= highestId ? Number(text) : null;
}

function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid = '', gid = '', , home = ''] = line.split(':');
    const [uidNumber, gidNumber] = [numericId(uid), numericId(gid)];
    return name && uidNumber !== null && gidNumber !== null
      ? [{ name, uid: uidNumber, gid: gidNumber, home: home.startsWith('/') ? home : '' }]
      : [];
  });
}

function parseGroups(text: string): { name: string; gid: number; members: string[] }[] {
  return text.split('\n').flatMap((line) => {
    const [name, , gid = '', members = ''] = line.split(':');
    const gidNumber = numericId(gid);
    return name && gidNumber !== null ? [{ name, gid: gidNumber, members: members.split(',').filter(Boolean) }] : [];
  });
}
