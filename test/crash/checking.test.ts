import { expect } from 'chai';
import { secondLeaders } from '../../tools/crash/checking.js';

describe('the check of leaders after a crash', () => {
  const elected = (server: number, term: number) =>
    `${JSON.stringify({ level: 30, server, term, msg: 'elected leader' })}\n`;

  it('tells of a term that two servers led, also in different lives of the program', () => {
    const leaders = new Map<number, number>();
    expect(secondLeaders(elected(0, 1) + elected(2, 2), leaders)).to.deep.equal([]);
    expect(secondLeaders(elected(2, 2) + elected(1, 3), leaders)).to.deep.equal([]);
    expect(secondLeaders(elected(1, 2), leaders)).to.deep.equal(['term 2 was led by 2 and 1']);
  });
});
