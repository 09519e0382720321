// The control plane's background work alone: no API, no scheduler, no agents. For scaling it by itself.
import { start } from './start.js';

await start(['worker']);
