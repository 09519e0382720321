// What wraps tenants' data keys. Two kinds: a key in a file, and one that stays in a key service (AWS KMS, Vault, an HSM),
// which is reached by a program of the operator's.

export interface MasterKey {
  /** Says which key it is, and nothing about it. Kept beside whatever it wrapped. */
  readonly id: string;
  wrap(tenantId: string, dataKey: Buffer): Promise<Buffer>;
  /** @throws Error if it was wrapped by another key, or for another tenant. */
  unwrap(tenantId: string, wrapped: Buffer): Promise<Buffer>;
}
