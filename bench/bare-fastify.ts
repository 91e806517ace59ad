import type { AddressInfo } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import Fastify from 'fastify'

// The limit: takes the same request, reads its JSON and answers with bytes that it knows already.
const app = Fastify()
const answer: string = workerData
app.post('/ofrep/v1/evaluate/flags', (_request, reply) => {
  reply
    .type('application/json')
    .serializer((text: string) => text)
    .send(answer)
})
await app.listen({ port: 0, host: '127.0.0.1' })
parentPort?.postMessage((app.server.address() as AddressInfo).port)
