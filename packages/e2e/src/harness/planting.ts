// Secrets of a test as they come up, by what they are: a search at its end expects to find none of them.
import type { Person } from '@gatehouse/testing'
import type { Answer } from '../replicas/wire.ts'

export function createPlanting() {
  const secrets = new Map<string, string>()

  function plant<Text extends string | undefined>(what: string, text: Text): Text {
    if (text) secrets.set(text, what)
    return text
  }

  /** Of an answer of the token endpoint. */
  function plantTokens(answer: Answer, what: string): Answer {
    const { access_token: access, refresh_token: again, id_token: id } = answer.json
    plant(`the refresh token of ${what}`, again)
    for (const token of [access, id]) {
      plant(`a token of ${what}`, token)
      // the last part of a JWT makes it one
      plant(`the signature of a token of ${what}`, token?.split('.')[2])
    }
    return answer
  }

  /** The same person, each of whose pages is looked through. */
  function watched(person: Person): Person {
    return new Proxy(person, {
      get(target, name: keyof Person) {
        const value = target[name]
        if (typeof value !== 'function') return value
        return async (...args: readonly string[]) => {
          const page = await (value as (...all: readonly string[]) => Promise<Person['page']>)(...args)
          for (const header of page.headers.getSetCookie()) plant('a cookie', /^[^=]+=([^;]{16,})/.exec(header)?.[1])
          plant('a form of a page', /name="xsrf" value="([^"]+)"/.exec(page.html)?.[1])
          plant('the id of a request', /\/interaction\/([\w-]{16,})/.exec(page.html)?.[1])
          return page
        }
      },
    })
  }

  return { secrets, plant, plantTokens, watched }
}
