// The one catalogue of errors that the API answers with. A code is for machines and never changes its meaning; the
// sentence is for people and says what to do. `{placeholders}` are filled in where the error is raised.

interface ErrorEntry {
  readonly status: number;
  /** Whether the same request can succeed later without being changed. */
  readonly retry: boolean;
  readonly message: string;
}

export const errorCodes = {
  malformed_body: { status: 422, retry: false, message: 'The body is not valid JSON: {detail}.' },
  invalid_request: { status: 422, retry: false, message: '{detail}' },
  unsupported_media_type: { status: 415, retry: false, message: 'Send the body as application/json.' },
  body_too_large: { status: 413, retry: false, message: 'The body is larger than {limit}. Send fewer or smaller items.' },
  unknown_image: {
    status: 422,
    retry: false,
    message: 'The image {image} was not found: {detail}. Check its name and tag, and that it has been pushed.',
  },
  registry_denied: {
    status: 422,
    retry: false,
    message: 'The registry refused access to {image}: {detail}. Ask the operator to add credentials for it.',
  },
  registry_unavailable: { status: 503, retry: true, message: 'The registry of {image} does not answer: {detail}. Try again shortly.' },
  unknown_secret: {
    status: 422,
    retry: false,
    message: 'There is no secret {secret}. Make it with POST /v1/secrets, or name a version that it has.',
  },
  secrets_too_large: {
    status: 422,
    retry: false,
    message: 'The secrets of one task may have {limit} bytes together. Use fewer or smaller ones.',
  },
  unknown_volume: {
    status: 422,
    retry: false,
    message: 'There is no volume {volume}. Make it with POST /v1/volumes, or name another.',
  },
  volume_in_use: {
    status: 409,
    retry: false,
    message: 'The volume {volume} is used by {by}, not stopped yet. Stop what uses it first.',
  },
  unauthenticated: { status: 401, retry: false, message: 'Send a valid API key as "Authorization: Bearer KEY".' },
  bad_host_token: {
    status: 401,
    retry: false,
    message: 'This host token is unknown, used or expired. Make a new one with "berth host token" or POST /v1/host-tokens.',
  },
  bad_host_certificate: {
    status: 401,
    retry: false,
    message: 'Show the certificate that this host was given. Enrol it again if that has expired.',
  },
  no_host_software: {
    status: 503,
    retry: false,
    message: 'The host software can’t be served from here: {detail}. Build it with "npm run build", or use bin/join in a checkout.',
  },
  host_in_use: {
    status: 409,
    retry: false,
    message: 'The host {host} still has {count} tasks. Drain it first, or remove it with force: its tasks count as lost then.',
  },
  host_not_draining: { status: 404, retry: false, message: 'The host {host} was never drained. Begin with POST /v1/hosts/{host}/drain.' },
  host_lost: {
    status: 409,
    retry: false,
    message: 'The host {host} is lost and its tasks are given up. Remove it, or start its agent again.',
  },
  forbidden: { status: 403, retry: false, message: 'This key may not {action}. Use a key with the role {role}.' },
  out_of_scope: {
    status: 403,
    retry: false,
    message: 'This key’s scopes are {scopes}, and {action} needs {scope}. Use a key that has it.',
  },
  not_signed_in: { status: 403, retry: false, message: 'This is for people who have signed in; an API key has no {what}.' },
  bad_login: { status: 401, retry: false, message: 'There is no user with this e-mail address and password.' },
  no_membership: { status: 403, retry: false, message: '{email} is no member of {tenant}. Ask one of its owners for an invitation.' },
  bad_invitation: { status: 422, retry: false, message: 'This invitation is unknown, used, withdrawn or expired. Ask for a new one.' },
  login_throttled: { status: 429, retry: true, message: 'Too many attempts to sign in. Try again in {seconds} s.' },
  sign_in_failed: { status: 401, retry: false, message: 'The identity provider’s answer could not be used: {detail}. Sign in again.' },
  no_identity_provider: {
    status: 404,
    retry: false,
    message: 'No identity provider is set up here. Sign in with e-mail address and password.',
  },
  last_owner: { status: 409, retry: false, message: '{email} is the last owner. Make somebody else an owner first.' },
  key_not_valid: { status: 409, retry: false, message: 'The API key {id} is revoked or has expired. Make a new one.' },
  quota_exceeded: {
    status: 409,
    retry: false,
    message:
      'The quota for {what} is {limit} {unit}, of which {used} are used; this needs {wanted} more. Free some, or ask the operator for more.',
  },
  launch_rate_exceeded: {
    status: 429,
    retry: true,
    message:
      'The quota is {limit} tasks a minute; {left} can be started now, and this starts {wanted}. Try again in {seconds} s, or start fewer.',
  },
  not_found: { status: 404, retry: false, message: 'There is no {what} {id} here.' },
  route_not_found: { status: 404, retry: false, message: 'There is no {method} {path}. See /docs for what there is.' },
  method_not_allowed: { status: 405, retry: false, message: '{path} does not take {method}. See /docs for what it takes.' },
  idempotency_conflict: {
    status: 409,
    retry: false,
    message: 'The Idempotency-Key {key} was used for another request. Use a new key, or send the same body.',
  },
  tenant_has_capacity_group: {
    status: 409,
    retry: false,
    message: 'The tenant {tenant} is in the capacity group {group}, and can be in one only. Take it from there first.',
  },
  definition_in_use: { status: 409, retry: false, message: '{definition} still has {count} tasks. Stop them first.' },
  name_taken: { status: 409, retry: false, message: 'The {what} {name} exists already. Choose another name.' },
  task_not_running: {
    status: 409,
    retry: false,
    message: 'The task is {state}, so {what}. It can be done while the task is running and is not to stop.',
  },
  no_room: {
    status: 409,
    retry: true,
    message:
      'The host has {free} {unit} free for this task and uses {used} of {capacity} for others; it was to have {wanted}. Ask for less, or run a new task.',
  },
  adjustment_refused: { status: 409, retry: true, message: 'The host refused: {reason} The task is as it was.' },
  signal_not_delivered: { status: 409, retry: false, message: 'No process of {what} runs that could get the signal.' },
  unknown_security_group: {
    status: 422,
    retry: false,
    message: 'There is no security group {name} here. Make it first, or name another.',
  },
  security_group_in_use: { status: 409, retry: false, message: 'The security group {name} is used by {by}. Take it from there first.' },
  ec2_not_configured: {
    status: 409,
    retry: false,
    message: 'This Berth starts no machines at EC2. Set BERTH_EC2_REGION for its control plane, and give that a role which may.',
  },
  pool_in_use: {
    status: 409,
    retry: false,
    message: 'The pool {name} still has {machines} machines. Set its minHosts, idleHosts and maxHosts to 0, and wait for them to leave.',
  },
  too_many: { status: 409, retry: false, message: 'There are {limit} {what} already, which is the most. Delete one first.' },
  log_expired: { status: 410, retry: false, message: 'The log of this task was kept for {days} days after its end, and has been removed.' },
  ambiguous_id: { status: 409, retry: false, message: '{id} fits more than one {what}. Type more of it.' },
  rate_limited: { status: 429, retry: true, message: 'Too many {what}. Try again in {seconds} s.' },
  unavailable: {
    status: 503,
    retry: true,
    message: 'Berth cannot reach {what} at the moment. Try again shortly; running tasks are not affected.',
  },
  host_unreachable: {
    status: 503,
    retry: true,
    message: 'The host of this task cannot be reached at the moment. Try again shortly; the task runs on.',
  },
  container_not_running: {
    status: 409,
    retry: false,
    message: 'The container {container} does not run, so nothing can be done in it. "berth inspect" shows the state of each.',
  },
  exec_failed: { status: 422, retry: false, message: 'The command could not be run: {detail}.' },
  session_expired: {
    status: 410,
    retry: false,
    message: 'This exec session was used, has expired or never was. Ask for a new one with POST /v1/tasks/{task}/exec.',
  },
  too_many_sessions: {
    status: 429,
    retry: true,
    message: 'This {of} has {count} sessions open, which is the limit. Close some, or wait for them to end.',
  },
  websocket_only: { status: 426, retry: false, message: 'Open {path} as a WebSocket: this is no answer of its own.' },
  bad_origin: { status: 403, retry: false, message: 'Pages of {origin} may not open this. Use the console of this Berth, or an API key.' },
  path_not_found: { status: 404, retry: false, message: 'There is no {path} in the container {container}.' },
  not_a_directory: { status: 422, retry: false, message: '{path} is no directory of the container {container}.' },
  copy_failed: { status: 422, retry: false, message: 'The files could not be copied: {detail}.' },
  port_closed: { status: 502, retry: true, message: 'Nothing in the task listens on port {port}. Is the program up, and is it this port?' },
  invoice_not_closed: {
    status: 409,
    retry: false,
    message: 'This invoice is a draft: it is corrected by itself. Wait until the month is closed, or close it.',
  },
  month_not_over: { status: 409, retry: false, message: 'The month ends at {end}. It can be closed after that.' },
  credit_too_large: {
    status: 409,
    retry: false,
    message: '{left} {currency} of this invoice are left to credit, before tax. Credit no more than that.',
  },
  currency_mismatch: {
    status: 409,
    retry: false,
    message: 'The price book is in {book} and the tenant’s billing details ask for {wanted}. Change one of them.',
  },
  term_was_billed: {
    status: 409,
    retry: false,
    message: 'The {kind} {name} counted in a month that is closed. End it instead: then it counts no more.',
  },
  unknown_price_book: {
    status: 422,
    retry: false,
    message: 'There is no price book {name} that holds at {at}. Make it first, or begin later.',
  },
  price_book_in_force: {
    status: 409,
    retry: false,
    message: 'Version {version} of the price book {name} is in force, and prices are not changed afterwards. Make the next version.',
  },
  mixed_currencies: {
    status: 409,
    retry: false,
    message: 'There would be {one} and {other} in one {where}. {advice}',
  },
  too_many_budgets: { status: 409, retry: false, message: 'There are {count} budgets already, which is the limit. Delete one first.' },
  budget_spent: {
    status: 409,
    retry: false,
    message:
      'The budget {name} is spent, and takes no new tasks until the month is over. Ask an owner of the tenant to raise or delete it.',
  },
  internal: { status: 500, retry: true, message: 'Something went wrong on our side. The request id helps the operator to find it.' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCodes;

/** Fills a catalogue sentence. A placeholder without a value stays visible, so that a forgotten one is noticed. */
export function errorMessage(code: ErrorCode, values: Readonly<Record<string, string | number>> = {}): string {
  return errorCodes[code].message.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
