import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntityDictionary } from '../../events/events.ts';
import { NameSearch } from '../../scores/nameSearch.ts';
import { AccountNames } from './accountNames.ts';
import { Slices } from './slices.ts';

function namesOf(...names: string[]): { entities: EntityDictionary; names: AccountNames } {
  const entities = new EntityDictionary();
  for (const name of names) entities.add(Buffer.from(name));
  const search = new NameSearch(entities);
  return { entities, names: new AccountNames(entities, search, () => new Slices().run(search.refresh())) };
}

test('names are found by a part, in any case of letters: the name itself, then beginnings, then short ones', async () => {
  const { names } = namesOf('Joanna', 'ann', 'Anna', 'bob', 'hannah');
  assert.deepEqual(await names.find('ANN', 20), ['ann', 'Anna', 'Joanna', 'hannah']);
  assert.deepEqual(await names.find('ann', 1), ['ann']);
  assert.deepEqual(await names.find('x', 20), []);
});

test('a text that begins in one name and ends in the next is in none', async () => {
  const { names } = namesOf('ab', 'ba', 'abba');
  assert.deepEqual(await names.find('bb', 20), ['abba']);
});

test('names that come later are found, and an empty text finds the first ones', async () => {
  const { entities, names } = namesOf('ann');
  assert.deepEqual(await names.find('', 20), ['ann']);
  entities.add(Buffer.from('zoë'));
  assert.deepEqual(await names.find('ZOË', 20), ['zoë']);
  assert.equal(names.count, 2);
});

test('a name of any characters is found: of 10 KB, with zeros, right to left, emoji', async () => {
  const long = `${'x'.repeat(10_000)}end`;
  const { names } = namesOf(long, 'a\0b', 'שלום', '🦊fox');
  assert.deepEqual(await names.find('xend', 20), [long]);
  assert.deepEqual(await names.find('\0', 20), ['a\0b']);
  assert.deepEqual(await names.find('לו', 20), ['שלום']);
  assert.deepEqual(await names.find('🦊', 20), ['🦊fox']);
});

test('the whole name is found however many contain it', async () => {
  const { names } = namesOf(...Array.from({ length: 3000 }, (_, i) => `user_${i + 10}`), 'user_1');
  assert.equal((await names.find('user_1', 20))[0], 'user_1');
});
