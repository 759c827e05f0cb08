# Written by NPanel: what somebody moves into Junk is spam.
require ["copy", "environment", "imapsieve", "variables", "vnd.dovecot.pipe"];
if environment :matches "imap.user" "*" {
    pipe :copy :try "teach" ["spam", "${1}"];
}
