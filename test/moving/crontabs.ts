/** Fifty lines as they stand in crontabs all over the world: of packages, of manuals, of web applications. */
export const CRONTAB = String.raw`# m h dom mon dow command
SHELL=/bin/bash
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin

17 *	* * *	cd / && run-parts --report /etc/cron.hourly
25 6	* * *	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
47 6	* * 7	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }
52 6	1 * *	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.monthly; }
09,39 * * * *	[ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean
0 */12 * * *	test -x /usr/bin/certbot && perl -e 'sleep int(rand(43200))' && certbot -q renew
5-55/10 * * * *	command -v debian-sa1 > /dev/null && debian-sa1 1 1
59 23 * * *	command -v debian-sa1 > /dev/null && debian-sa1 60 2
57 0 * * 0	if [ -x /usr/share/mdadm/checkarray ] && [ $(date +\%d) -le 7 ]; then /usr/share/mdadm/checkarray --cron --all --idle --quiet; fi
24 0 8-14 * *	if [ $(date +\%w) -eq 0 ] && [ -x /usr/lib/zfs-linux/scrub ]; then /usr/lib/zfs-linux/scrub; fi
30 7-23 * * *	[ -x /etc/init.d/anacron ] && invoke-rc.d anacron start >/dev/null
10 3 * * *	/sbin/e2scrub_all -A -r
* * * * * cd /var/www/app && php artisan schedule:run >> /dev/null 2>&1
*/5 * * * * /usr/bin/php -f /var/www/nextcloud/cron.php
*/15 * * * * wget -q -O /dev/null "https://example.org/wp-cron.php?doing_wp_cron" >/dev/null 2>&1
*/1 * * * * /usr/bin/flock -n /tmp/queue.lock /usr/bin/php /srv/shop/bin/magento cron:run 2>&1 | grep -v "Ran jobs"
0 5 * * 1 tar -zcf /var/backups/home.tgz /home/
5 0 * * *       $HOME/bin/daily.job >> $HOME/tmp/out 2>&1
15 14 1 * *     $HOME/bin/monthly
0 22 * * 1-5   mail -s "It's 10pm" joe%Joe,%%Where are your kids?%
23 0-23/2 * * * echo "run 23 minutes after midn, 2am, 4am ..., everyday"
5 4 * * sun     echo "run at 5 after 4 every Sunday"
0 */4 1 * mon   echo "run every 4th hour on the 1st and on every Monday"
0 0 */2 * sun   echo "run at midn on every Sunday that's an uneven date"
42 4 1 * *      echo "monthly" 
0 4 8-14 * *    test $(date +\%u) -eq 6 && echo "2nd Saturday"
0 2 * * * /usr/bin/mysqldump -u root app | gzip > /backup/app-$(date +\%F).sql.gz
30 2 * * 6 pg_dump -Fc app > /backup/app.dump && find /backup -name '*.dump' -mtime +30 -delete
0 3 * * 0 /usr/local/bin/restic backup /home --quiet
0 4 1,15 * * /usr/local/bin/restic forget --keep-daily 7 --prune
45 23 28-31 * * [ "$(date -d tomorrow +\%d)" = 01 ] && /opt/billing/close-month.sh
0 8-18/2 * * mon-fri /opt/reports/poll.py --since '2 hours'
0 9 * jan,apr,jul,oct 1 /opt/reports/quarter.py
30 8 1-7 * 1 /opt/reports/first-week.sh
0 0 1 1 * /opt/reports/year.sh "Happy New Year"
0 12 25 dec * echo "Merry Christmas" | wall
*/10 8-17 * * 1-5 rsync -az --delete /srv/data/ backup:/srv/data/
0,30 * * * * /usr/local/bin/dyndns-update --quiet
*/20 * * * * curl -fsS -m 10 --retry 5 https://hc-ping.example.org/4f1e > /dev/null
0 1 * * * docker system prune -af --filter "until=24h"
15 2 * * 1,3,5 /usr/sbin/logrotate -s /var/lib/logrotate.state /etc/logrotate.d/app
0 6 * * * apt-get -qq update && apt-get -qq --simulate upgrade
0-59/7 * * * * /usr/local/bin/check-disk 90 || echo "disk is full" >&2
1 0 29 2 * echo "leap day"
@hourly /usr/local/bin/sync-clock
@daily /usr/bin/find /tmp -type f -atime +7 -delete
@weekly /usr/local/bin/rebuild-index --all
@monthly rm -f /var/log/app/*.old
0 20 * * fri,sat /usr/local/bin/movie-night 'Die Hard'
@yearly /opt/certs/renew.sh
`
