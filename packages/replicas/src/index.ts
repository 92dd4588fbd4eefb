// Which replica of a service holds what, mail between replicas, and values that all of them see.
export {
  type Lease,
  largestMail,
  type Mail,
  ReplicaBusyError,
  ReplicaGoneError,
  type ReplicaName,
  type Replicas,
} from './contract.ts'
export { createLoneReplica } from './lone.ts'
export { openRedisReplicas, type RedisReplicasOptions } from './redis.ts'
