'use strict';

// Takes the steps of its argument, such as `a.load a.call main.load b.load a.end`, one after another: each thread loads the
// package, calls it, and ends. Prints each step that is done, so that a crash tells where it was.

const { join } = require('node:path');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');

let pkg;
const actions = {
  load: () => {
    pkg = require(join(__dirname, '..', '..'));
  },
  call: () => new pkg.OAuthManager(JSON.parse(process.env.CONFIG)).getAccessToken(),
};

/** A thread other than main, from here. */
class Thread {
  #worker = new Worker(__filename);
  #ended = new Promise((resolve) => this.#worker.once('exit', resolve));

  async take(action) {
    if (action === 'terminate') return this.#worker.terminate();
    this.#worker.postMessage(action);
    if (action === 'end') return this.#ended;
    const answer = new Promise((resolve) => this.#worker.once('message', resolve));
    const early = this.#ended.then(() => Promise.reject(new Error(`the thread ended in its ${action}`)));
    return Promise.race([answer, early]);
  }
}

async function main() {
  const threads = {};
  for (const step of process.argv.slice(2)) {
    const [name, action] = step.split('.');
    if (name === 'main') {
      await actions[action]();
    } else {
      threads[name] ??= new Thread();
      await threads[name].take(action);
    }
    console.log(step);
  }
  // The end of main: threads that live on end with the process.
  process.exit(0);
}

if (isMainThread) {
  main();
} else {
  parentPort.on('message', async (action) => {
    if (action === 'end') process.exit(0);
    await actions[action]();
    parentPort.postMessage(action);
  });
}
