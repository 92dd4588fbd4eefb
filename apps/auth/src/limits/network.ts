export { networkOf } from '@gatehouse/service'
