/** Job form: the fields of a definition that people change most, each with its problem beside it.
 *  In: a draft, problems by path. Out: one field at a time. What the form does not show stays in the document beside it. */
import { useId } from 'preact/hooks'
import { problemsAt } from '../store/draft.ts'
import type { Nodes } from '../words/status.ts'
import { Field, type FormProps, Small, Text } from './field.tsx'
import { Mark } from './mark.tsx'
import { TriggerForm } from './trigger-form.tsx'

interface JobFormProps extends FormProps {
  readonly nodes: Nodes
  readonly isNew: boolean
}

export function JobForm({ draft, problems, set, nodes = [], isNew }: JobFormProps) {
  const { document } = draft
  const lists = useId()
  const text = (name: string) => (typeof document[name] === 'string' ? (document[name] as string) : '')
  const number = (name: string) => (typeof document[name] === 'number' ? String(document[name]) : '')
  const setText = (name: string) => (value: string) => set(name, value === '' ? undefined : value)
  const setNumber = (name: string) => (value: string) => set(name, value === '' ? undefined : Number(value))
  const tags = Array.isArray(document.tags) ? document.tags.join(', ') : ''
  return (
    <div class="form">
      {isNew && (
        <Field label="Id" path="_id" problems={problems}>
          {(id, invalid) => (
            <Text id={id} invalid={invalid} value={text('_id')} set={setText('_id')} mono placeholder="one is made" />
          )}
        </Field>
      )}
      <Field label="Function" path="func" problems={problems}>
        {(id, invalid) => (
          <>
            <Text
              id={id}
              invalid={invalid}
              value={text('func')}
              set={value => set('func', value)}
              mono
              list={`${lists}-tasks`}
            />
            <datalist id={`${lists}-tasks`}>
              {[...new Set(nodes.flatMap(({ tasks }) => tasks ?? []))].map(task => (
                <option key={task} value={task} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <TriggerForm draft={draft} problems={problems} set={set} />
      <Field label="Node" path="ip" problems={problems}>
        {(id, invalid) => (
          <>
            <Text
              id={id}
              invalid={invalid}
              value={text('ip')}
              set={setText('ip')}
              mono
              placeholder="any living node"
              list={`${lists}-nodes`}
            />
            <datalist id={`${lists}-nodes`}>
              {nodes.map(({ _id }) => (
                <option key={_id} value={_id} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label="If late" path="misfire_grace_time" problems={problems}>
        {(id, invalid) => (
          <span class="phrase">
            start up to{' '}
            <Small
              id={id}
              invalid={invalid}
              value={number('misfire_grace_time')}
              set={setNumber('misfire_grace_time')}
              placeholder="60"
            />{' '}
            s late, else{' '}
            <span class="word warn">
              <Mark status={{ word: 'missed', colour: 'warn', shape: 'diamond' }} /> missed
            </span>
          </span>
        )}
      </Field>
      <Field
        label="If running"
        path="overlap"
        problems={[...problemsAt(problems, 'overlap'), ...problemsAt(problems, 'max_instances')]}
        all
      >
        {id => (
          <span class="phrase">
            <select
              id={id}
              value={text('overlap') || 'skip'}
              onChange={event => set('overlap', event.currentTarget.value)}
            >
              <option value="skip">skip</option>
              <option value="queue_one">queue one</option>
              <option value="cancel_other">cancel the other</option>
            </select>{' '}
            at{' '}
            <Small value={number('max_instances')} set={setNumber('max_instances')} placeholder="1" label="At once" />{' '}
            at a time
          </span>
        )}
      </Field>
      <Field label="Timeout" path="timeout" problems={problems}>
        {(id, invalid) => (
          <span class="phrase">
            <Small id={id} invalid={invalid} value={number('timeout')} set={setNumber('timeout')} placeholder="none" />{' '}
            s
          </span>
        )}
      </Field>
      <Field label="Tags" path="tags" problems={problems}>
        {id => (
          <input
            id={id}
            type="text"
            // What is typed is read when the field is left, so that a comma can be typed.
            defaultValue={tags}
            key={tags}
            onChange={event => {
              const words = event.currentTarget.value.split(',').map(word => word.trim())
              const given = words.filter(word => word !== '')
              set('tags', given.length === 0 ? undefined : given)
            }}
          />
        )}
      </Field>
    </div>
  )
}
