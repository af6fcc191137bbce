'use strict';

// Who answers when the core calls a function of the user's, and what such functions have thrown.

/** Longer than the core takes to settle the calls that it concerns. */
const KEPT_FOR_MS = 1000;

const owners = new Map();
const forgotten = new FinalizationRegistry((number) => owners.delete(number));
const thrown = new Map();
let last = 0;

/** Registers an owner under the number returned. The reference is weak: whoever makes a call holds its owner. */
function addSource(owner) {
  last += 1;
  owners.set(last, new WeakRef(owner));
  forgotten.register(owner, last);
  return last;
}

function sourceOf(number) {
  return owners.get(number)?.deref();
}

/** Keeps what the function threw that the core called as `request`. */
function keepThrown(request, error) {
  thrown.set(request, { error });
  setTimeout(() => thrown.delete(request), KEPT_FOR_MS).unref?.();
}

/** `{ error }`, or `undefined`. */
function thrownBy(request) {
  return thrown.get(request);
}

module.exports = { addSource, keepThrown, sourceOf, thrownBy };
