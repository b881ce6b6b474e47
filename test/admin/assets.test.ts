import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { Assets } from '../../src/admin/assets.js';
import { temporaryDirectory } from '../support/cluster.js';

describe("the dashboard's files", () => {
  let directory: { path: string; remove: () => Promise<void> };
  let assets: Assets;

  before(async () => {
    directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'assets'));
    await writeFile(join(directory.path, 'index.html'), '<p>hello</p>');
    await writeFile(join(directory.path, 'assets', 'index-abc.js'), 'run()');
    assets = new Assets(pathToFileURL(`${directory.path}/`));
  });
  after(() => directory.remove());

  it('are found by their paths, the page at the root', () => {
    expect(assets.find('/', {})?.bytes.toString()).to.equal('<p>hello</p>');
    expect(assets.find('/assets/index-abc.js', {})?.bytes.toString()).to.equal('run()');
    expect(assets.find('/index.html', {})).to.equal(undefined);
    expect(assets.find('/../package.json', {})).to.equal(undefined);
  });

  it('are compressed for those who take that', () => {
    const reply = assets.find('/', { 'accept-encoding': 'br, gzip' });
    expect(reply?.headers['Content-Encoding']).to.equal('gzip');
    expect(gunzipSync(reply?.bytes ?? '').toString()).to.equal('<p>hello</p>');
    expect(assets.find('/', { 'accept-encoding': 'br' })?.headers).not.to.have.key('Content-Encoding');
  });

  it('forbid scripts, styles and calls of anywhere else, and frames', () => {
    const policy = assets.find('/', {})?.headers['Content-Security-Policy'];
    expect(policy).to.include("default-src 'none'").and.to.include("script-src 'self'");
    expect(policy).to.include("connect-src 'self'").and.to.include("frame-ancestors 'none'");
    expect(policy).not.to.include('unsafe');
  });

  it('are kept by browsers only under names that change with the content', () => {
    expect(assets.find('/', {})?.headers['Cache-Control']).to.equal('no-cache');
    expect(assets.find('/assets/index-abc.js', {})?.headers['Cache-Control']).to.include('immutable');
  });

  it('are none where nothing was built', () => {
    expect(new Assets(new URL('nothing/', import.meta.url)).find('/', {})).to.equal(undefined);
  });
});
