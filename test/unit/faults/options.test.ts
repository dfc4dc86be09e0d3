import { parseOptions } from '../../../faults/options';

const parse = (...args: string[]) => parseOptions(args, ['kafka', 'frames']);

describe('the options of a fault run', () => {
  it('have defaults, shorter faults in a quick run', () => {
    expect(parse()).toMatchObject({
      json: null,
      report: null,
      quick: false,
      seconds: 15,
      only: null,
      soakMinutes: null,
    });
    expect(parse('--quick').seconds).toBe(6);
    expect(parse('--quick', '--seconds', '9').seconds).toBe(9);
  });

  it('take names, seed, files and a soak', () => {
    const given = parse('--only', 'kafka', 'frames', '--seed', '7', '--json', 'a.json', '--soak', '30');
    expect(given).toMatchObject({ only: ['kafka', 'frames'], seed: 7, json: 'a.json', soakMinutes: 30 });
    expect(parse('--report', 'a.json', 'b.json').report).toEqual(['a.json', 'b.json']);
  });
});
