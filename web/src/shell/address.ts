import { useNavigate, useSearch } from '@tanstack/react-router'

const DEFAULT_ENVIRONMENT = 'production'

/** The environment that is looked at; it stays in the address, also from page to page. */
export function useEnvironment(): string {
  return useSearch({ from: '__root__' }).env ?? DEFAULT_ENVIRONMENT
}

/** A text that a page keeps in its address, such as a search; '' when there is none. */
export function useParam(name: string): [string, (value: string) => void] {
  const value = useSearch({ from: '__root__' })[name] ?? ''
  const navigate = useNavigate()
  const set = (text: string) =>
    void navigate({ to: '.', search: (before) => ({ ...before, [name]: text || undefined }), replace: true })
  return [value, set]
}
