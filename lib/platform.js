'use strict';

const process = require('node:process');

/**
 * The names that binaries for this platform can have: `linux-x64-gnu`, `darwin-arm64`, `win32-x64-msvc`, … On Linux there
 * are two, one for each C library: asking Node which one it is takes longer than loading the addon.
 */
function platformNames() {
  const { platform, arch } = process;
  if (platform === 'linux') return [`${platform}-${arch}-gnu`, `${platform}-${arch}-musl`];
  return [platform === 'win32' ? `${platform}-${arch}-msvc` : `${platform}-${arch}`];
}

/** The one name that a binary built here has. */
function platformName() {
  const [first, second] = platformNames();
  return second !== undefined && isMusl() ? second : first;
}

function isMusl() {
  // Without this, the report looks names up on the network, which can take seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  return !report.header.glibcVersionRuntime;
}

module.exports = { platformName, platformNames };
