import { readFile } from 'node:fs/promises';
import { expect } from 'chai';

const DIST = new URL('../src/', import.meta.url);

/** Types that public declarations name although nobody outside can, and why that is no loss. */
const HIDDEN = new Map([['Message', 'only for its field `type`, whose values an editor shows']]);

const PACKAGE = new URL('../../package.json', import.meta.url);
const { exports: exported } = JSON.parse(await readFile(PACKAGE, 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
};

/** The declarations of the package's entry points. */
const ENTRIES = Object.values(exported).flatMap((entry) =>
  typeof entry === 'string' ? [] : [entry.types.replace('./dist/src/', '')],
);

for (const entry of ENTRIES) {
  describe(`The types of ${entry}`, () => {
    it('are all exported, with those that they are made of', async () => {
      const module = await DeclarationFile.read(new URL(entry, DIST));
      const exported = await module.exports();
      const missing: string[] = [];
      const nameable = new Set([...exported.keys(), ...(await alsoNamed(entry)), ...HIDDEN.keys()]);
      for (const [name, file] of exported) {
        for (const used of file.typesNamedBy(name))
          if (!nameable.has(used)) missing.push(`${used}, for ${name}`);
      }
      expect(missing, 'types that the entry point does not export').to.deep.equal([]);
    });
  });
}

/** Whoever uses an adapter has the types of a client from `threadraft/client`. */
async function alsoNamed(entry: string): Promise<Iterable<string>> {
  if (!entry.startsWith('adapters/')) return [];
  const client = await DeclarationFile.read(new URL('client/index.d.ts', DIST));
  return (await client.exports()).keys();
}

/** A .d.ts file as text: top-level declarations begin at the start of a line. */
class DeclarationFile {
  readonly #url: URL;
  readonly #text: string;

  private constructor(url: URL, text: string) {
    this.#url = url;
    this.#text = text;
  }

  static async read(url: URL): Promise<DeclarationFile> {
    const text = await readFile(url, 'utf8');
    return new DeclarationFile(url, text.replaceAll(/\/\*.*?\*\/|\/\/[^\n]*/gs, ''));
  }

  /** What it exports, with the file that declares it. */
  async exports(): Promise<Map<string, DeclarationFile>> {
    const found = new Map<string, DeclarationFile>();
    for (const [, names = '', path = ''] of this.#text.matchAll(
      /^export (?:type )?\{([^}]*)\} from '(.*)';/gm,
    )) {
      const file = await DeclarationFile.read(new URL(path.replace(/js$/, 'd.ts'), this.#url));
      for (const name of namesIn(names)) found.set(name, file);
    }
    const own = /^export (?:declare )?(?:abstract )?(?:function|interface|type|class) (\w+)/gm;
    for (const name of this.#declared(own)) found.set(name, this);
    return found;
  }

  /** The types of this project that a declaration names, also by way of types that its file keeps to itself. */
  typesNamedBy(name: string): Set<string> {
    const own = this.#declared(/^(?:declare )?(?:interface|type|class) (\w+)/gm);
    const foreign = [
      ...[...this.#text.matchAll(/^import (?:type )?\{([^}]*)\} from '\..*';/gm)].flatMap(([, names = '']) =>
        namesIn(names),
      ),
      ...this.#declared(/^export (?:declare )?(?:abstract )?(?:interface|type|class) (\w+)/gm),
    ];
    const named = new Set<string>();
    const seen = new Set<string>();
    const look = (declaration: string) => {
      if (seen.has(declaration)) return;
      seen.add(declaration);
      for (const word of this.#declarationOf(declaration).match(/\b[A-Z]\w+/g) ?? []) {
        if (own.includes(word)) look(word);
        else if (foreign.includes(word)) named.add(word);
      }
    };
    look(name);
    return named;
  }

  /** Without texts in quotes. */
  #declarationOf(name: string): string {
    const head = new RegExp(
      `^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class|function|const) ${name}\\b`,
      'm',
    );
    const start = this.#text.search(head);
    if (start === -1) throw new Error(`${this.#url.pathname} does not declare ${name}`);
    const end = this.#text.slice(start + 1).search(/^(?:export|declare|interface|type|class|import) /m);
    return this.#text
      .slice(start, end === -1 ? undefined : start + 1 + end)
      .replaceAll(/'[^']*'|"[^"]*"/g, '');
  }

  #declared(pattern: RegExp): string[] {
    return [...this.#text.matchAll(pattern)].map(([, name = '']) => name);
  }
}

function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== '');
}
