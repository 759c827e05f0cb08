# Written by NPanel: what somebody moves out of Junk is no spam, unless it is thrown away.
require ["copy", "environment", "imapsieve", "variables", "vnd.dovecot.pipe"];
if environment :is "imap.mailbox" "Trash" {
    stop;
}
if environment :matches "imap.user" "*" {
    pipe :copy :try "teach" ["ham", "${1}"];
}
