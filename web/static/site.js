// What makes the pages better where JavaScript runs. Everything works without it.
'use strict'

// Times in the reader's own zone; the title keeps that of the report.
function localTimes(root) {
  for (const time of root.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime)
    if (Number.isNaN(at.valueOf())) continue
    time.title = time.dateTime
    time.textContent = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
  }
}

// A choice is sent at once, so its button is not needed.
function sendAtOnce(root) {
  for (const field of root.querySelectorAll('[data-send]')) {
    field.addEventListener('change', () => field.form.requestSubmit())
    field.form.querySelector('[data-spare]')?.setAttribute('hidden', '')
  }
}

// Puts the newest totals and rows in place, and leaves what a person is typing or has opened alone.
let loading = false
let again = false
async function refresh(quiet) {
  if (loading) {
    again = true
    return
  }
  loading = true
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText)
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    for (const now of document.querySelectorAll('[data-fresh]')) {
      const next = page.getElementById(now.id)
      if (!next || now.innerHTML === next.innerHTML) continue
      if (now.contains(document.activeElement) && document.activeElement.matches('input')) continue
      if (now.querySelector('details[open]')) continue
      const focused = now.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null
      localTimes(next)
      now.replaceWith(next)
      if (focused) next.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus()
    }
    if (quiet !== true) tell(`Updated at ${new Date().toLocaleTimeString()}`)
  } catch {
    tell('This page could not be updated. Is the connection there?')
  } finally {
    loading = false
    if (again) {
      again = false
      setTimeout(refresh, 2000)
    }
  }
}

function tell(what) {
  const told = document.getElementById('told')
  if (told) told.textContent = what
}

function follow(report) {
  const changes = new EventSource(report.dataset.changes)
  changes.addEventListener('changed', refresh)
  changes.addEventListener('open', () => tell('This page updates by itself.'))
  changes.addEventListener('error', () => tell('Updates are interrupted; trying again.'))
  window.addEventListener('pagehide', () => changes.close())
}

function copyIds(button) {
  button.addEventListener('click', async event => {
    event.preventDefault()
    try {
      const answer = await fetch(button.href)
      if (!answer.ok) throw new Error(answer.statusText)
      const text = await answer.text()
      await navigator.clipboard.writeText(text)
      tell(`${text.split('\n').length - 1} IDs copied`)
    } catch {
      // Where the clipboard is not ours, the list itself can be copied.
      location.href = button.href
    }
  })
}

document.addEventListener('DOMContentLoaded', () => {
  localTimes(document)
  sendAtOnce(document)
  const report = document.querySelector('[data-changes]')
  if (report) follow(report)
  document.getElementById('refresh')?.addEventListener('click', event => {
    event.preventDefault()
    refresh()
  })
  const copy = document.getElementById('copy')
  if (copy) copyIds(copy)
})
