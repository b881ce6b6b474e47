/**
 * A dot for each test, failures in full, and after them one line that counts: `12 passed, 0 failed, 1 skipped`.
 */

import mocha from 'mocha';

const { Base, Dot } = mocha.reporters;

export default class SummaryReporter extends Dot {
  override epilogue(): void {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    Base.consoleLog(`${passes} passed, ${failures} failed, ${pending} skipped`);
  }
}
