api() { curl -fsS -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; echo; }

api "$API/api/jobs" -d '{"_id": "digest", "func": "mail:digest", "tags": ["mail"], "trigger": {"type": "interval", "minutes": 5}}'
api "$API/api/jobs?tag=mail&limit=20"
api -X PATCH "$API/api/jobs/digest" -d '{"trigger": {"type": "cron", "hour": 8}, "timeout": 300}'
api -X POST "$API/api/jobs/digest/move" -d '{"ip": "10.0.0.8"}'
api -X POST "$API/api/jobs/digest/pause" -d '{"note": "the provider is down, ask Ann"}'
api -X POST "$API/api/jobs/digest/resume"
api -X POST "$API/api/jobs/digest/run"
api "$API/api/jobs/digest/next?count=3"
api "$API/api/runs?job=digest&limit=10"
api "$API/api/jobs/bulk" -d '{"action": "pause", "filter": {"tag": "mail"}, "dry_run": true}'
api "$API/api/triggers/preview" -d '{"trigger": {"type": "cron", "expression": "30 8 * * mon-fri"}}'
api -X DELETE "$API/api/jobs/digest"
api -N "$API/api/events?type=run" # live, until Ctrl-C
