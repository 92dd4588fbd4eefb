// Which replica of a service holds what, mail between replicas, and values and counts that all of them see.
export {
  largestMail,
  type Mail,
  ReplicaBusyError,
  ReplicaGoneError,
  type ReplicaName,
  type Replicas,
} from './contract.ts'
export { openRedisReplicas, openReplicas } from './redis.ts'
