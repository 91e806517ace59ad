import {
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  queryOptions,
  useInfiniteQuery,
  useQuery,
} from '@tanstack/react-query'
import type { PathsWithMethod, SuccessResponseJSON } from 'openapi-typescript-helpers'
import { useEffect } from 'react'
import { client } from './client.ts'
import { ApiError } from './error.ts'
import type { paths } from './schema.ts'

export type ReadPath = PathsWithMethod<paths, 'get'>
type Parameters<P extends ReadPath> = paths[P]['get']['parameters']
/** What a GET of `P` answers. */
type Answer<P extends ReadPath> = SuccessResponseJSON<paths[P]['get']>
type ListPath = { [P in ReadPath]: Answer<P> extends unknown[] ? P : never }[ReadPath]

declare module '@tanstack/react-query' {
  interface Register {
    defaultError: ApiError
  }
}

const RETRIES = 2

export const SESSION_KEY = ['/api/session', {}]

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: forgetSession }),
  mutationCache: new MutationCache({ onError: forgetSession }),
  defaultOptions: {
    queries: {
      // What is shown is kept fresh by what the stream tells.
      staleTime: 30_000,
      networkMode: 'always',
      retry: (failures, error) => error instanceof ApiError && error.passing && failures < RETRIES,
      refetchOnWindowFocus: false,
    },
    mutations: { networkMode: 'always' },
  },
})

/** Without a session, the shell shows the login and keeps the address. */
function forgetSession(error: Error): void {
  if (error instanceof ApiError && error.status === 401) queryClient.setQueryData(SESSION_KEY, null)
}

async function read<P extends ReadPath>(path: P, parameters: Parameters<P>, signal: AbortSignal) {
  const get = client.GET as (path: P, init: object) => Promise<{ data: Answer<P>; response: Response }>
  const { data, response } = await get(path, { params: parameters, signal })
  const next = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  // Lists go on by cursor or by offset; the address of the next page knows.
  return { data, next: next && Object.fromEntries(new URL(next, location.origin).searchParams) }
}

/** A GET for TanStack Query. Its key is the path as in OpenAPI and the parameters: what the stream invalidates by. */
export function readOptions<P extends ReadPath>(path: P, parameters: Parameters<P>) {
  return queryOptions({
    queryKey: [path, parameters],
    queryFn: async ({ signal }) => (await read(path, parameters, signal)).data,
  })
}

/** Reads once, and again whenever something happens that it may depend on. */
export function useRead<P extends ReadPath>(path: P, parameters: Parameters<P>) {
  return useQuery(readOptions(path, parameters))
}

/** Rows of a list that are read without anybody asking for more: ten pages. */
const MOST_READ = 2_000
// Not a new one at each render, which would be a change to whoever keeps what was made of it.
const NOTHING: never[] = []

/** A list as far as its first 2,000 rows, read page after page; `cut` when there are more. */
export function useAll<P extends ListPath>(path: P, parameters: Parameters<P>) {
  const pages = usePages(path, parameters)
  const { data = NOTHING, hasNextPage, isFetching, error, fetchNextPage } = pages
  const cut = hasNextPage && data.length >= MOST_READ
  const goesOn = hasNextPage && !isFetching && !error && !cut
  useEffect(() => {
    if (goesOn) void fetchNextPage()
  }, [goesOn, fetchNextPage])
  return { ...pages, data: data as Answer<P> & unknown[], cut }
}

/** A list whose next page is in `Link`, for `<DataTable>`. */
export function usePages<P extends ListPath>(path: P, parameters: Parameters<P>) {
  return useInfiniteQuery({
    queryKey: [path, parameters, 'pages'],
    queryFn: async ({ signal, pageParam: next }) => {
      // Ours win: of a parameter that is repeated, the address of the next page has only the last value here.
      const query = { ...next, ...parameters.query }
      return await read(path, { ...parameters, query } as Parameters<P>, signal)
    },
    // A filter changes what is listed; until it is read, the list before stays.
    placeholderData: keepPreviousData,
    initialPageParam: undefined as Record<string, string> | undefined,
    getNextPageParam: ({ next }) => next || undefined,
    select: ({ pages }) => pages.flatMap(({ data }) => data as unknown[]) as Answer<P> & unknown[],
  })
}

/**
 * Reads again, every `everyMs`, what is shown of paths that begin like this: how far something is, or a lease, makes no event.
 * null: not now.
 */
export function useReadAgain(beginning: ReadPath, everyMs: number | null): void {
  useEffect(() => {
    if (everyMs === null) return
    const timer = setInterval(() => {
      void queryClient.invalidateQueries({ predicate: ({ queryKey: [path] }) => String(path).startsWith(beginning) })
    }, everyMs)
    return () => clearInterval(timer)
  }, [beginning, everyMs])
}
