<?php
// The demo site: shows that nginx, PHP and MariaDB work together by reading a sentence from its own database.

declare(strict_types=1);

const NO_SUCH_TABLE = 1146;

function greet(mysqli $database): array
{
    $database->query('UPDATE greeting SET visits = visits + 1');
    $columns = 'sentence, visits, DATABASE() AS place, CURRENT_USER() AS account, VERSION() AS version';
    return $database->query("SELECT $columns FROM greeting")->fetch_assoc();
}

function fill(mysqli $database): void
{
    $database->query('CREATE TABLE greeting (sentence VARCHAR(200) NOT NULL, visits INT UNSIGNED NOT NULL)');
    $sentence = 'This sentence was written into MariaDB on ' . gmdate('j F Y \a\t H:i:s') . ' UTC.';
    $database->execute_query('INSERT INTO greeting VALUES (?, 0)', [$sentence]);
}

mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$access = require __DIR__ . '/config.php';
$database = new mysqli('localhost', $access['account'], $access['password'], $access['database']);
$database->set_charset('utf8mb4');
try {
    $row = greet($database);
} catch (mysqli_sql_exception $error) {
    if ($error->getCode() !== NO_SUCH_TABLE) {
        throw $error;
    }
    fill($database);
    $row = greet($database);
}
$row = array_map(fn ($value) => htmlspecialchars((string) $value), $row);
$user = htmlspecialchars(posix_getpwuid(posix_geteuid())['name']);
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hosted by NPanel</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 12vh auto; padding: 0 1.5rem; color: #222 }
  dt { font-weight: 600 } dd { margin: 0 0 .6rem }
</style>
<h1>Hosted by NPanel</h1>
<p id="sentence"><?= $row['sentence'] ?></p>
<dl>
  <dt>Visits, counted in the database</dt><dd id="visits"><?= $row['visits'] ?></dd>
  <dt>Database</dt><dd><?= $row['place'] ?> as <?= $row['account'] ?>, MariaDB <?= $row['version'] ?></dd>
  <dt>PHP</dt><dd><?= PHP_VERSION ?> as the Linux user <?= $user ?></dd>
</dl>
</html>
