// Runs a script on MicroPython's WebAssembly port: node webassembly.mjs PORT FIRMWARE SCRIPT
// PORT is the port's micropython.mjs, FIRMWARE the folder with the package `turgor`, SCRIPT a file whose folder it may
// import from. The files are copied into the port's own file system as they are.
import fs from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';

const [port, firmware, script] = process.argv.slice(2);
const {loadMicroPython} = await import(pathToFileURL(port).href);
// A board's heap would do; a script's own lists need more.
const micropython = await loadMicroPython({heapsize: 16 << 20, stdout: line => console.log(line), linebuffer: true});

function copy(from, to) {
  micropython.FS.mkdirTree(to);
  for (const entry of fs.readdirSync(from, {withFileTypes: true})) {
    const source = path.join(from, entry.name);
    const target = `${to}/${entry.name}`;
    if (entry.isDirectory()) copy(source, target);
    else if (entry.name.endsWith('.py')) micropython.FS.writeFile(target, fs.readFileSync(source));
  }
}

copy(firmware, '/firmware');
copy(path.dirname(script), '/scripts');
try {
  micropython.runPython("import sys\nsys.path[:] = ['/scripts', '/firmware']");
  micropython.runPython(fs.readFileSync(script, 'utf8'));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
