// The control plane with the roles that BERTH_ROLES names; all of them by default.
import { start } from './start.js';

await start();
