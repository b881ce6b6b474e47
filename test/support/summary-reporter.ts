/**
 * mocha's usual report, and behind it one line that counts: `12 passed, 0 failed, 1 skipped`.
 */

import mocha from 'mocha';

const { Base, Spec } = mocha.reporters;

export default class SummaryReporter extends Spec {
  override epilogue(): void {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    Base.consoleLog(`${passes} passed, ${failures} failed, ${pending} skipped`);
  }
}
