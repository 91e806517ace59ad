import { useQuery } from '@tanstack/react-query'
import { client } from './client.ts'
import { ApiError } from './error.ts'
import { queryClient, SESSION_KEY } from './queries.ts'
import type { schemas } from './schema.ts'

export type Session = schemas['Session']

/** Who is logged in; null: nobody. */
export function useSession() {
  return useQuery<Session | null>({
    queryKey: SESSION_KEY,
    queryFn: async ({ signal }) => {
      try {
        return (await client.GET('/api/session', { signal })).data ?? null
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null
        throw error
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
}

/** Logs in; what an earlier user has read is forgotten. */
export async function logIn(token: string): Promise<void> {
  const { data } = await client.POST('/api/session', { body: { token } })
  forgetReads()
  queryClient.setQueryData(SESSION_KEY, data)
}

export async function logOut(): Promise<void> {
  await client.DELETE('/api/session')
  queryClient.setQueryData(SESSION_KEY, null)
  forgetReads()
}

function forgetReads(): void {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] })
}

/** Why the user may change nothing; undefined: they may. */
export function useReadOnly(): string | undefined {
  const { data } = useSession()
  return data?.role === 'admin' ? undefined : 'A viewer sees everything and changes nothing. This needs the role admin.'
}

/** Address of a workflow in the Temporal Web UI; undefined when nobody has said where that is. */
export function useWorkflowUrl(): (workflowId: string) => string | undefined {
  const { data } = useSession()
  return (workflowId) => (data?.workflows ? `${data.workflows}${encodeURIComponent(workflowId)}` : undefined)
}
