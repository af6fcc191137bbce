// A session store over a Map, as a user might write one over a database. Its clock can be put forward.

export class MapStore {
  /** Calls so far: `[name, ...arguments]`. */
  calls = [];
  /** Set to `(name, proceed) => answer` to let functions misbehave; `proceed()` does what is right. */
  fault;
  #entries = new Map();
  #ahead = 0;

  async reserve(...args) {
    return this.#call('reserve', args, (key, owner, ttlMs) => {
      const entry = this.#live(key);
      if (entry && !(entry.owner === owner && entry.state === 'reserved')) return false;
      this.#set(key, owner, ttlMs, 'reserved');
      return true;
    });
  }

  async commit(...args) {
    return this.#call('commit', args, (key, owner, ttlMs) => {
      if (this.#live(key)?.owner !== owner) return false;
      this.#set(key, owner, ttlMs, 'session');
      return true;
    });
  }

  async release(...args) {
    return this.#call('release', args, (key, owner) => {
      if (this.#live(key)?.owner === owner) this.#entries.delete(key);
    });
  }

  async invalidate(...args) {
    return this.#call('invalidate', args, (key) => {
      this.#entries.delete(key);
    });
  }

  /** What lives now: `{ key, owner, state, ttlMs }`. */
  get live() {
    return [...this.#entries.keys()].flatMap((key) => this.#live(key) ?? []);
  }

  of(name) {
    return this.calls.filter(([called]) => called === name);
  }

  advance(ms) {
    this.#ahead += ms;
  }

  get #now() {
    return performance.now() + this.#ahead;
  }

  #call(name, args, work) {
    this.calls.push([name, ...args]);
    const proceed = () => work(...args);
    return this.fault ? this.fault(name, proceed) : proceed();
  }

  #live(key) {
    const entry = this.#entries.get(key);
    return entry && entry.endsAt > this.#now ? entry : undefined;
  }

  #set(key, owner, ttlMs, state) {
    this.#entries.set(key, { key, owner, state, ttlMs, endsAt: this.#now + ttlMs });
  }
}

/** A fault that concerns one function alone. */
export const only = (wanted, misbehave) => (name, proceed) => (name === wanted ? misbehave(proceed) : proceed());
