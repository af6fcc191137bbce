'use strict';

// The user's functions that the core calls: who has them, and what they have thrown.

const { setTimeout } = require('node:timers');

/**
 * @typedef {object} CallbackOwner
 * @property {() => unknown} [provideToken]
 * @property {(name: string, args: unknown[]) => Promise<boolean>} [call] of a session store
 */

/** Longer than the core takes to settle the calls that it concerns. */
const KEPT_FOR_MS = 1000;

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

module.exports = { addOwner, keepThrown, ownerOf, thrownBy };
