// Docker's health check of a service: exit code 0 when GET /readyz in the same container answers 200.
import { get } from 'node:http'

const request = get({ host: '127.0.0.1', port: process.env.PORT, path: '/readyz', timeout: 2000 }, (response) => {
  console.log(`/readyz: ${response.statusCode}`)
  process.exit(response.statusCode === 200 ? 0 : 1)
})
request.on('timeout', () => request.destroy(new Error('no answer in 2 s')))
request.on('error', (error) => {
  console.log(`/readyz: ${error.message}`)
  process.exit(1)
})
