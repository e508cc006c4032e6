'use strict';
// node --require probe.cjs PROGRAM: writes down, as JSON in the file that PROXMOX_LXCRI_PROBE names, when the program began,
// when it started lxc-attach, when it ended (milliseconds since the process was made), and its peak resident memory.
const { readFileSync, writeFileSync } = require('node:fs');
const childProcess = require('node:child_process');

const report = { startMs: performance.now(), attachMs: null, endMs: 0, peakKiB: 0 };
const { spawn } = childProcess;
childProcess.spawn = (file, ...rest) => {
  if (report.attachMs === null && String(file).endsWith('lxc-attach')) report.attachMs = performance.now();
  return spawn(file, ...rest);
};

process.on('exit', () => {
  report.endMs = performance.now();
  // Not getrusage's value: that one begins with the memory of the process that forked us.
  report.peakKiB = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  writeFileSync(process.env.PROXMOX_LXCRI_PROBE, JSON.stringify(report));
});
