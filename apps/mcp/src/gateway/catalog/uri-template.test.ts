import { expect, it } from 'vitest'
import { readUriTemplate } from './uri-template.ts'

it.each<[string, string, boolean]>([
  ['file:///{name}', 'file:///a.txt', true],
  ['file:///{name}', 'file:///a/b', false],
  ['file:///{name}', 'file:///', false],
  ['file:///{+path}', 'file:///a/b', true],
  ['db://{table}/{id}', 'db://t/1', true],
  ['db://{table}/{id}', 'db://t', false],
  ['db://x{/id}', 'db://x/1', true],
  ['db://x{/path*}', 'db://x/1/2', true],
  ['db://x{.kind}', 'db://x.json', true],
  ['db://x{?a,b}', 'db://x', true],
  ['db://x{?a,b}', 'db://x?b=1', true],
  ['db://x{?a,b}', 'db://xb=1', false],
  ['db://x?a=1{&b}', 'db://x?a=1&b=2', true],
  ['db://x{#part}', 'db://x#y/z', true],
  ['plain://x', 'plain://x', true],
  ['plain://x', 'plain://x2', false],
  ['a.c://{x}', 'abc://1', false],
  ['{a}-{b}', 'x-y-z', true],
])('%s for %s: %s', (template, uri, isFor) => {
  expect(readUriTemplate(template)?.(uri)).toBe(isFor)
})

it('takes nothing for a template that is not one', () => {
  for (const template of ['{a', 'a}', '{{a}}', 'x'.repeat(3_000), '{a}'.repeat(50)])
    expect(readUriTemplate(template), template.slice(0, 20)).toBeUndefined()
})

it('comes to an end for a template and a URI that were made for each other', () => {
  expect(readUriTemplate('{+a}{+b}{+c}{+d}{+e}{+f}{+g}{+h}!')?.('a'.repeat(2_048))).toBe(false)
})
