'use strict';

// The user's functions that the core calls: which object has them, in which context they run, what they have thrown.

const { AsyncLocalStorage } = require('node:async_hooks');
const { setTimeout } = require('node:timers');

/**
 * @typedef {object} CallbackOwner
 * @property {() => unknown} [provideToken]
 * @property {(name: string, args: unknown[]) => Promise<boolean>} [call] of a session store
 */

/** Longer than the core takes to settle the calls that an error concerns. */
const KEPT_FOR_MS = 1000;

/** As long as the core repeats a commit that failed, and more. */
const COMMIT_WITHIN_MS = 120_000;

/** @type {Map<number, WeakRef<CallbackOwner>>} */
const owners = new Map();
/** @type {FinalizationRegistry<number>} */
const forgotten = new FinalizationRegistry((number) => owners.delete(number));
/** @type {Map<number, { error: unknown }>} */
const thrown = new Map();
let last = 0;

/**
 * Registers an owner under the number returned. The reference is weak: whoever makes a call holds its owner.
 * @param {CallbackOwner} owner
 */
function addOwner(owner) {
  last += 1;
  owners.set(last, new WeakRef(owner));
  forgotten.register(owner, last);
  return last;
}

/** @param {number} number */
function ownerOf(number) {
  return owners.get(number)?.deref();
}

/**
 * Keeps what the function threw that the core called as `request`.
 * @param {number} request
 * @param {unknown} error
 */
function keepThrown(request, error) {
  thrown.set(request, { error });
  setTimeout(() => thrown.delete(request), KEPT_FOR_MS).unref();
}

/** @param {number | undefined} request */
function thrownBy(request) {
  return request === undefined ? undefined : thrown.get(request);
}

/** @typedef {<T>(work: () => T) => T} Context runs a function in the asynchronous context of a call */

/** @type {Context} */
const NO_CONTEXT = (work) => work();

/**
 * Contexts by call, while it runs.
 * @type {Map<number, Context>}
 */
const contexts = new Map();

/**
 * Contexts by the token under which a call holds its session key, because the store may work for a call that is over.
 * @type {Map<unknown, Context>}
 */
const holders = new Map();

/**
 * Keeps the context in which the user has made a call, for the functions that the core calls on its behalf.
 * @param {number} call
 */
function keepContext(call) {
  contexts.set(call, AsyncLocalStorage.snapshot());
}

/** @param {number} call */
function forgetContext(call) {
  contexts.delete(call);
}

/**
 * @param {number | null} call
 * @returns {Context}
 */
function contextOf(call) {
  return (call === null ? undefined : contexts.get(call)) ?? NO_CONTEXT;
}

/**
 * Runs a function of a session store in the context of the call that `holder` stands for.
 * @param {number | null} call
 * @param {string} name
 * @param {unknown} holder
 * @param {() => Promise<boolean>} work
 */
async function runForHolder(call, name, holder, work) {
  const context = holders.get(holder) ?? contextOf(call);
  if (holder !== undefined && context !== NO_CONTEXT) holders.set(holder, context);
  let isLast = name === 'release';
  try {
    const answer = await context(work);
    // Nothing is called any more for a session, or for a key that another call holds.
    isLast ||= name === 'commit' || !answer;
    return answer;
  } finally {
    if (isLast) holders.delete(holder);
    else if (name === 'commit') setTimeout(() => holders.delete(holder), COMMIT_WITHIN_MS).unref();
  }
}

module.exports = { addOwner, contextOf, forgetContext, keepContext, keepThrown, ownerOf, runForHolder, thrownBy };
