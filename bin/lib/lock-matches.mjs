// Exits 0 if node_modules holds what package-lock.json asks for. npm's own record of what it installed is
// node_modules/.package-lock.json; `npm ls` would answer the same in seconds instead of milliseconds.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.argv[2];
const packagesOf = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
const installedFile = 'node_modules/.package-lock.json';
if (!existsSync(join(root, installedFile))) process.exit(1);

const wanted = packagesOf('package-lock.json');
const installed = packagesOf(installedFile);
const fits = ([path, { version, link, optional, devOptional }]) => {
  if (!path.includes('node_modules')) return true;
  const found = installed[path];
  // Packages for other systems are optional and not installed.
  if (!found) return Boolean(optional || devOptional);
  return Boolean(link) === Boolean(found.link) && version === found.version && existsSync(join(root, path));
};
process.exit(Object.entries(wanted).every(fits) ? 0 : 1);
