# NPanel's commands. Everything but `clean` and `help` first runs the set-up, which is instant when nothing changed.

PY := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: setup run test check messages shots bench drills lock audit-deps clean help

setup: ## install what is missing: system packages (as root), .venv, locked Python packages
	@scripts/setup.sh

run: setup ## start the panel with a lab node and a demo site; Ctrl-C stops everything
	@exec $(PY) scripts/run.py

test: setup ## run all tests; LAYER=unit|contract|web|live DB=sqlite|mariadb|both ARGS="-k word" narrow it
	@exec $(PY) scripts/run_tests.py $(if $(LAYER),--layer $(LAYER)) $(if $(DB),--db $(DB)) $(if $(ARGS),-- $(ARGS))

check: setup ## lint, types, import rules, migrations, production settings, templates, no shell, texts
	@exec $(PY) scripts/check.py

messages: setup ## collect the texts for people into locale/ and compile their translations
	@exec $(PY) scripts/messages.py

shots: setup ## take screenshots of the pages into build/
	@$(PY) -m tests.shots
	@exec $(PY) -m tests.shots_portal

bench: setup ## measure and compare with floors and peers into build/bench.json; ONLY=hosting FULL=1
	@exec $(PY) -m tests.bench

drills: setup ## break a lab panel in every way the runbook knows, follow its pages, measure into build/drills.json; ONLY=disk-full
	@exec $(PY) -m tests.drills $(ONLY)

lock: setup ## resolve requirements*.in again and write the hash-locked requirements*.txt; ARGS=--upgrade
	@exec $(PY) scripts/lock.py $(ARGS)

audit-deps: setup ## ask the advisory database about the locked packages (needs the internet)
	@exec $(PY) -m pip_audit --require-hashes --disable-pip -r requirements.txt

clean: ## stop what is running and remove all that the commands above made
	@exec python3 scripts/clean.py

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
