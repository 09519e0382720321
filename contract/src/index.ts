// The contract's only entry: what the API, the agent, the CLI and the console agree on.
export * from './account.js';
export * from './error-codes.js';
export * from './host.js';
export * from './ids.js';
export * from './image.js';
export * from './image-ref.js';
export * from './sizes.js';
export * from './stop-code.js';
export * from './task.js';
export * from './task-definition.js';
export * from './task-state.js';
export * from './wire.js';
