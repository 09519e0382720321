// Passwords: argon2id, as OWASP asks for it, and how often somebody may try.

import { Inject, Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { ApiError } from '../errors.js';
import { LoginAttemptsStore } from './login-attempts.store.js';
import { type User, UsersStore } from './users.store.js';

/** Of the password hashing cheat sheet: 19 MiB, two passes, one lane. The algorithm is argon2id unless told otherwise. */
const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** A hash that fits no password, so that an address without a user takes as long as one with. */
const nobodys = '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

const attempts = { perAddressAndUser: 10, perUser: 100, perAddress: 100 } as const;

@Injectable()
export class Passwords {
  constructor(
    @Inject(UsersStore) private readonly users: UsersStore,
    @Inject(LoginAttemptsStore) private readonly tries: LoginAttemptsStore,
  ) {}

  hash(password: string): Promise<string> {
    return hash(password, options);
  }

  /**
   * The user with this address and password. Who has none and who has another can't be told apart.
   * @throws ApiError login_throttled, bad_login
   */
  async check(email: string, password: string, ip: string): Promise<User> {
    const own = `${ip} ${email}`;
    await this.spend([
      { subject: own, atMost: attempts.perAddressAndUser },
      { subject: email, atMost: attempts.perUser },
      { subject: ip, atMost: attempts.perAddress },
    ]);
    const user = await this.users.findByEmail(email);
    const fits = await verify(user?.passwordHash ?? nobodys, password);
    if (!user?.passwordHash || !fits) throw new ApiError('bad_login');
    await this.tries.giveBack(own, [email, ip]);
    return user;
  }

  /** For tokens that somebody could guess at. @throws ApiError login_throttled */
  async spendGuess(ip: string): Promise<void> {
    await this.spend([{ subject: ip, atMost: attempts.perAddress }]);
  }

  private async spend(limits: readonly { subject: string; atMost: number }[]): Promise<void> {
    const seconds = await this.tries.spend(limits);
    if (seconds !== null) throw new ApiError('login_throttled', { seconds }, { retryAfterSeconds: seconds });
  }
}
