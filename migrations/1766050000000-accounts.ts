import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Users with memberships and sessions, and what keys have beside a role. */
export class Accounts1766050000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE api_keys
        -- Null: all that the role may.
        ADD COLUMN scopes text[],
        ADD COLUMN expires_at timestamptz,
        ADD COLUMN last_used_at timestamptz,
        ADD COLUMN rotated_from uuid REFERENCES api_keys,
        -- In the form of AWS' keys. The secret is sealed by the tenant's data key: its signatures can be checked only with it.
        ADD COLUMN access_key_id text UNIQUE,
        ADD COLUMN sealed_secret bytea,
        ADD CHECK ((access_key_id IS NULL) = (sealed_secret IS NULL));

      CREATE TABLE users (
        id uuid PRIMARY KEY,
        -- In lower case.
        email text NOT NULL UNIQUE,
        name text NOT NULL,
        -- argon2id, in its own notation. Null: signs in by the identity provider only.
        password_hash text,
        is_operator boolean NOT NULL DEFAULT false,
        oidc_issuer text,
        oidc_subject text,
        created_at timestamptz NOT NULL DEFAULT now(),
        last_login_at timestamptz,
        UNIQUE (oidc_issuer, oidc_subject)
      );

      CREATE TABLE memberships (
        tenant_id uuid NOT NULL REFERENCES tenants,
        user_id uuid NOT NULL REFERENCES users,
        role text NOT NULL CHECK (role IN ('owner', 'developer', 'viewer')),
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, user_id)
      );
      CREATE INDEX memberships_of_user ON memberships (user_id);

      CREATE TABLE invitations (
        id uuid PRIMARY KEY,
        -- Null: to be an operator of the platform.
        tenant_id uuid REFERENCES tenants,
        email text NOT NULL,
        role text NOT NULL CHECK (role IN ('owner', 'developer', 'viewer', 'operator')),
        token_hash bytea NOT NULL UNIQUE,
        invited_by text NOT NULL,
        -- Made by an operator, who vouches for whoever holds it: it may set a new password for a user that there is.
        sets_password boolean NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        accepted_at timestamptz,
        CHECK ((tenant_id IS NULL) = (role = 'operator'))
      );
      CREATE INDEX invitations_of_tenant ON invitations (tenant_id, created_at);
      CREATE INDEX invitations_by_email ON invitations (email);

      CREATE TABLE sessions (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users,
        -- Null: as an operator. What the user may there is looked up each time.
        tenant_id uuid REFERENCES tenants,
        token_hash bytea NOT NULL UNIQUE,
        transport text NOT NULL CHECK (transport IN ('cookie', 'bearer')),
        ip text NOT NULL,
        user_agent text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        last_seen_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz
      );
      CREATE INDEX sessions_of_user ON sessions (user_id);
      CREATE INDEX sessions_over ON sessions (expires_at);

      -- How often somebody tried to sign in without success, for an address, an e-mail, and both together.
      CREATE TABLE login_attempts (
        subject text PRIMARY KEY,
        attempts integer NOT NULL,
        since timestamptz NOT NULL
      );
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
