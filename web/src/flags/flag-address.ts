import { useParams } from '@tanstack/react-router'
import { useEnvironment } from '../shell/address.ts'

/** The flag that the page is about, as the API is asked for it. */
export function useFlagAddress() {
  const { flagKey } = useParams({ from: '/flags/$flagKey' })
  return { path: { flagKey }, query: { environment: useEnvironment() } }
}
