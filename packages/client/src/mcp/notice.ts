import type { Client, ListChangedHandlers, Progress } from '@modelcontextprotocol/client'

/** Something the server says of its own accord. Texts are the server's, uncleaned. */
export interface Notice {
  /** The method of the notification: `notifications/message`. */
  readonly method: string
  /** What a person is to read of it. */
  readonly text: string
  readonly params: unknown
}

export type OnNotice = (notice: Notice) => void

/** Tells every notification but progress and changed lists, which have hooks of their own in the SDK (below). */
export function watchNotices(client: Client, onNotice: OnNotice): void {
  client.setNotificationHandler('notifications/message', ({ method, params }) => {
    const text = typeof params.data === 'string' ? params.data : JSON.stringify(params.data)
    onNotice({ method, text: params.level === 'info' ? text : `${params.level}: ${text}`, params })
  })
  client.fallbackNotificationHandler = async ({ method, params = {} }) => {
    onNotice({ method, text: `${method} ${JSON.stringify(params)}`, params })
  }
}

/** Tells that a list has changed. In 2026-07-28 it is what makes the SDK listen (`subscriptions/listen`). */
export function watchLists(onNotice: OnNotice): ListChangedHandlers {
  const watch = (kind: string) => ({
    autoRefresh: false,
    onChanged: () =>
      onNotice({
        method: `notifications/${kind}/list_changed`,
        text: `The list of ${kind} has changed.`,
        params: {},
      }),
  })
  return { tools: watch('tools'), prompts: watch('prompts'), resources: watch('resources') }
}

/** What the SDK says itself, in the place of the server, when it answers a question. */
export function isOwnProgress({ message = '' }: Progress): boolean {
  return message.startsWith('Fulfilling input required by ')
}

/** The progress of one request. */
export function progressNotice(params: Progress): Notice {
  const { progress, total, message } = params
  const count = total === undefined ? `${progress}` : `${progress}/${total}`
  return {
    method: 'notifications/progress',
    text: message === undefined ? count : `${count} ${message}`,
    params,
  }
}
