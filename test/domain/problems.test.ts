import { expect, it } from 'vitest'
import { Problem, unless } from '../../domain/problems.ts'

it('takes one refusal for nothing there, and hides no other error', async () => {
  const refusal = new Problem('flag-not-found', 'There is no such flag.')
  expect(await Promise.reject(refusal).catch(unless('flag-not-found'))).toBeUndefined()
  await expect(Promise.reject(refusal).catch(unless('plan-not-found'))).rejects.toBe(refusal)
  const fault = new Error('The connection was lost')
  await expect(Promise.reject(fault).catch(unless('flag-not-found'))).rejects.toBe(fault)
})
