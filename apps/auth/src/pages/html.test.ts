import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { html, toText } from './html.ts'

verifies('D20', 'whatever is put into a template is escaped, in text and in attributes', () => {
  const hostile = `<img src=x onerror="alert('1')">&amp;`
  expect(toText(html`<p title="${hostile}">${hostile}</p>`)).toBe(
    '<p title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;">&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;</p>',
  )
})

test('markup from the tag goes through as it is, alone and in lists', () => {
  const items = ['a', '<b>'].map((item) => html`<li>${item}</li>`)
  expect(toText(html`<ul>${items}</ul>${html`<hr>`}`)).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul><hr>')
})

test('text in a list is escaped as well', () => {
  expect(toText(html`${['<', ['>']]}`)).toBe('&lt;&gt;')
})

test('nothing is written for what is absent, and zero is a number', () => {
  expect(toText(html`[${undefined}${null}${false}${''}${0}]`)).toBe('[0]')
})

test('an object that only looks like markup is not taken for it', () => {
  const forged = JSON.parse('{"html":"<script>","description":"html"}')
  expect(toText(html`<p>${forged}</p>`)).not.toContain('<script>')
})

test('half a character becomes a replacement character', () => {
  expect(toText(html`${'a\ud83d'}`)).toBe('a\ufffd')
})
