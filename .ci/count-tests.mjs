// Prints "PASSED FAILED" from a report of vitest's JSON reporter. A suite that could not be loaded is a failure, and
// so is a report without a single passed test.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
const nothing = report.numPassedTests === 0 && report.numFailedTests === 0 && broken.length === 0 ? 1 : 0;
process.stdout.write(`${report.numPassedTests} ${report.numFailedTests + broken.length + nothing}\n`);
