// Ids of tasks: an upstream's own, sealed for whom they were given to, so that a task is found at its upstream and nobody else
// can ask for it.
import { type Members, type Owner, UpstreamError } from '../upstreams/contract.ts'
import type { Seals } from './seal.ts'

export interface TaskIds {
  /** A result or notification with the ids as the client knows them. `tool`: of which the tasks are calls. */
  shown(members: Members, owner: Owner, upstream: string, tool: string | undefined): Members
  /** Whose a task is, and what it is called there. Undefined for an id that is not the caller's. */
  find(id: unknown, owner: Owner): Task | undefined
}

export interface Task {
  readonly upstream: string
  readonly taskId: string
  readonly tool?: string
}

/** Characters that an id may have which a client brings back. */
const longestId = 400
const related = 'io.modelcontextprotocol/related-task'

export function createTaskIds(seals: Seals): TaskIds {
  return {
    shown(members, owner, upstream, tool) {
      const sealed = (taskId: string) => {
        const sealed = seals.seal('task', owner, { upstream, taskId, ...(tool !== undefined && { tool }) })
        if (sealed.length > longestId)
          throw new UpstreamError(upstream, 'invalid', `${upstream} names a task by more than can come back`)
        return sealed
      }
      const renamed = <T extends Members>(task: T): T =>
        typeof task?.taskId === 'string' ? { ...task, taskId: sealed(task.taskId) } : task
      const { task, tasks, _meta } = members
      const about = _meta?.[related]
      return {
        ...renamed(members),
        ...(isObject(task) && { task: renamed(task) }),
        ...(Array.isArray(tasks) && { tasks: tasks.map((one) => (isObject(one) ? renamed(one) : one)) }),
        ...(isObject(about) && { _meta: { ..._meta, [related]: renamed(about) } }),
      }
    },

    find(id, owner) {
      if (typeof id !== 'string') return undefined
      return seals.open('task', owner, id) as Task | undefined
    },
  }
}

/** Whether members can name a task at all: most results do not, and pass untouched. */
export function namesTask({ task, tasks, taskId, _meta }: Members): boolean {
  return taskId !== undefined || task !== undefined || tasks !== undefined || _meta?.[related] !== undefined
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
