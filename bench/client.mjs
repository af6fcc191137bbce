// The measured process: does one job, prints its figures as one line of JSON.
//
//   node bench/client.mjs '{"measure":"throughput","variant":"package","url":"http://127.0.0.1:8080",…}'

import { measures } from './measures/index.mjs';

const job = JSON.parse(process.argv[2]);
const figures = await measures[job.measure](job);
process.stdout.write(`\n${JSON.stringify(figures)}\n`, () => process.exit(0));
