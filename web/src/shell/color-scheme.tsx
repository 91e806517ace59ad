import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { Icon } from './icons.tsx'

/** The system's scheme until the user wants the other one. */
export function ColorScheme() {
  const { setColorScheme } = useMantineColorScheme()
  const other = useComputedColorScheme('light') === 'light' ? 'dark' : 'light'
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={`Show it ${other}`} onClick={() => setColorScheme(other)}>
      <Icon name={other} />
    </ActionIcon>
  )
}
