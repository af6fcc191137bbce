/**
 * A session store of your own, in the place of `sessionStore: { redis }`: four functions over whatever your processes
 * share. They are called with the object as `this`, so that an instance of a class serves as well; what else the object
 * holds is ignored.
 *
 * An entry is a key with an owner and an end: a reservation while its call runs, a session from `commit` on. Each function
 * must be atomic, and a repeat of a call that took effect must do no harm.
 *
 * A function has failed when it throws, rejects, takes more than a second, or, being `reserve` or `commit`, resolves with
 * no boolean. A failed `reserve` or `invalidate` is a `StoreUnavailableError`, which names the function and has its error
 * as `cause`, unless `onUnavailable` says otherwise. A failed `commit` is repeated for up to a minute; a failed `release`
 * is not, as reservations end by themselves.
 *
 * Functions run in the asynchronous context (`AsyncLocalStorage`) of the call that needs them.
 *
 * Sessions alone are shared: access tokens, guests and rotated refresh tokens stay with each process.
 */
export interface SessionStore {
  /**
   * Takes a key that nobody holds, or prolongs the reservation of the same owner, which is how it is renewed. An entry is
   * never shortened by it.
   * @param key 32 hexadecimal digits: a hash under the client secret. It tells nothing of the address or the channel.
   * @param owner 32 hexadecimal digits, random for each call.
   * @param ttlMs Life from now on, whole milliseconds: the entry must be gone after it. A few seconds.
   * @returns `true`: the owner holds the key now. `false`: somebody else does.
   */
  reserve(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /**
   * Turns the owner's reservation into a session that lives as long as its guest token. Called again for the session when its
   * guest's refresh token is rotated by the process that made it, with the life of the fresh guest token.
   * @param ttlMs Life from now on, whole milliseconds. At most a year.
   * @returns `false`: the key is not this owner's any more. The guest exists all the same, and the call succeeds.
   */
  commit(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Frees the key if this owner holds it, be it by a reservation or a session. */
  release(key: string, owner: string): Promise<unknown>;
  /**
   * Frees the key, whoever holds it: `invalidateSession` was called. A call of another process that holds a reservation may
   * take it again when it renews it.
   */
  invalidate(key: string): Promise<unknown>;
  /**
   * What happens to calls while `reserve` or `invalidate` fails. `reject` (default): they fail with `StoreUnavailableError`
   * within two seconds. `local`: this process's memory stands in, with a warning (`SESSION_STORE`).
   */
  readonly onUnavailable?: 'reject' | 'local' | undefined;
}
